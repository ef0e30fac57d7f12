// Package safezone says how far and how long a device may move before anything can happen to it, and which few fences
// matter until then. A phone with the answer can be silent in the quiet ball, and needs only the zone's fences in the
// knowledge ball: 20 of them fit an iPhone's slots, 100 an Android's.
//
// It is a package of its own because it joins two that know nothing of each other: geo/index, which finds fences and
// knows nothing of devices, and geo/presence, which knows a device's state and no shapes.
//
// # Proof
//
// For fence i let g_i be State.Room at the place asked: while the device's fixes lie nearer than g_i to it, nothing is
// begun, added to or told for i (the proof is in package presence). States change by fixes and by time alone; what time
// does is bounded by ValidUntil, which is no later than the end of any Room that was looked at. Fences not looked at
// have no state (every fence that contains the place, has a stay, pending evidence, a marked approach or one that is
// followed is looked at) and their room is at least their gap less the widest approach lookout.
//
// Quiet. Let q be the least g_i, taken over all fences, and a the accuracy. If the device itself stays nearer than
// q - a, and its fixes are no further than a from it, every fix is nearer than q by the triangle inequality. By induction
// over the fixes no state has changed before any of them, so that each g_i still holds, and nothing happens.
//
// Knowledge. Let h be the (K+1)-th smallest g_i, or less. The fences of the zone are the K with the smallest, so g_j >= h for
// every other fence j. While fixes lie nearer than h, the same induction holds for each such j, and only the K can
// change. Fences change independently of each other but for two things: a ping too inaccurate to be taken for any of
// the fences near it may be taken for one far away, and the bounds on how many cases a state holds at once.
//
// A phone that measures, and reports only fixes outside the quiet ball, is therefore told what one is told that reports
// them all, as far as a fence's evidence depends on the fixes that are looked at for it. Two things depend on the track
// before: how fast a car came, which the last minute shows, and how far the fixes of a phone err that claims no accuracy.
// There changes may come some fixes earlier or later.
//
// The knowledge ball is about fixes, as the phone sees them, and has no deduction for accuracy. What is not promised:
// errors larger than the accuracy that was claimed, and anything after ValidUntil.
package safezone
