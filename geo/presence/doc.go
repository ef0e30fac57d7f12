// Package presence is the state machine of one device and its fences: it turns
// pings into the dated changes Entered, Dwelled and Exited, and if asked Approached.
//
// It has no clock, does no I/O and knows no shapes. The caller looks up the
// fences near a ping, measures the signed gap to each edge, and passes both in
// together with the time. The same calls in the same order always give the same
// transitions, so replay and serving share it.
//
// # Policies
//
// Exact is geometry alone: every ping counts as it stands, in the order it
// comes. No ping is filtered, nothing happens without a ping, and only a ping
// id seen a moment ago is turned away.
//
// Standard and Strict decide by accumulated evidence, because a phone that lies
// still is reported tens of metres to and fro. Each ping adds the logarithm of
// how much likelier its gap is for a phone inside than for one outside, taking
// the error as Gaussian, along the normal of the edge or round the centre of a
// circle. The sum is a CUSUM: it
// never falls below zero, one ping can add only a bounded part, and a visit
// begins when it reaches Rules.Surety. While no visit is open the two
// hypotheses are "EnterMargin outside" and "deeper in by twice the error"; in an
// open visit they are "ExitMargin outside" and "nearer by twice the error".
//
// Why so much evidence: under independent errors the chance that the sum
// reaches h within n pings is at most n*exp(-h) for a phone lying EnterMargin or
// more outside (E. S. Page 1954; G. Lorden 1971). There are two sums for
// an entry, one for a place just inside and one for a place as deep inside as the
// error is wide, so the bound is twice that: Surety 14.5 and a ping every ten
// seconds make it under 0.01 a day. Counting agreeing pings cannot do it.
//
// What is promised: the bound above where errors are independent and no larger
// than claimed; one wild fix never settles anything alone; a visit begins at,
// and is settled by, pings that the exact geometry puts inside. What is not
// promised: errors that stay wrong together for minutes, as between tall
// buildings, can still begin a visit next door.
//
// # Room
//
// State.Room is g(p), for one fence in its present state: the radius round a fix at p within which further fixes, of
// any accuracy, begin no evidence, add to none and tell nothing, until the time that comes with it. Proof. Let gap(x) be
// the signed distance to the edge, negative inside. It changes by at most the way gone: where two places are on the same
// side, by the triangle inequality for the place of the edge that is nearest to the one; where they are on different
// sides, the way between them crosses the edge at some e, and is the sum of the ways to e and from it, each at least
// the distance of its end from the edge. So gap(p) - d <= gap(x) <= gap(p) + d for every x no further than d from p.
//
//   - No stay, nothing pending, outside. Evidence is begun only by a fix inside, under Exact the stay itself: nothing
//     changes while gap(x) > 0, so g = gap(p). Inside without a stay any fix may begin it: g = 0.
//   - A stay. Under Exact it ends at the first fix outside: g = -gap(p). Otherwise leaving evidence is begun by a fix
//     outside whose ratio is positive. Across a straight edge the ratio of "gap a" against "gap b", a > b, is positive
//     where gap(x) > (a+b)/2; round a circle only further out, since the derivative of log I0 is below 1 and so the
//     ratio is less than (a-b)(gap(x) - (a+b)/2)/sigma². Here a is ExitMargin and a-b at most ExitMargin, whatever the
//     error, so nothing begins while gap(x) <= ExitMargin/2: g = ExitMargin/2 - gap(p). What the approximation of log I0
//     adds is less than what begins a case (leastEvidence).
//   - Evidence is pending. Every fix adds to it: g = 0.
//   - Approached is wanted and no stay is open. A fix is followed only where gap(x) <= l = ApproachLookout: no run, g is at
//     most gap(p) - l. A run that rests changes only by a fix whose gap is further than its span from its home: g is what
//     is left of that. Any other run grows with every fix: g = 0. A fence whose run finds no place, since every place is
//     taken by one that rests, is not followed before one of those ends, and g is bounded by theirs. Nothing is told of a
//     marked fence before a fix beyond the lookout lifts the mark, so g = min(gap(p), l - gap(p)), until an hour after
//     the mark; after that the mark lasts within the approach distance.
//
// Time alone does what it does at the stay's dwell time and when the device counts as lost; Room's time is not later
// than either. Gaps to polygons are off by up to 0.1 %, for which 0.2 % are taken off.
//
// # Approach
//
// Approached is told when the straight line through the gaps of the last minute and a half falls, by more than five
// standard errors, at two pings in a row, and the fence is near enough (Rules.ApproachDistance, ApproachTime). Exact
// asks for the last two pings only. Cars count too: who closes in at speed may be coming.
//
// The line begins with the fix that comes within the lookout and depends on nothing before it, so that a phone that was
// silent outside is told at the same ping as one that reported all along. A device whose gap has kept within a span of
// where it was for five minutes rests: it closes in on nothing, and is followed again, with a new line, once it has left
// that span. So living within the lookout costs a phone its quiet radius for five minutes, and whoever sets out from
// there is told of some tens of metres later than who comes from afar.
//
// It is told at most once per approach. An approach is over once the device was seen beyond the lookout, or an hour
// later outside the approach distance. The mark that says "told" is in Written and not carried: an Approached has
// consequences and is therefore written anyway, and the mark with it, in one statement. A mark in the token could be
// lost between that and the answer, and the approach would be told twice. The line itself is carried: losing it delays
// an approach by some pings. A device found near, and closing in on nothing for five minutes, is marked too, so that
// living next door does not make an approach of every errand; such marks need no writing, and none is given up for
// another of them. Where no mark is left nothing is told.
//
// # Errors
//
// An accuracy that the phone claims is believed. One that it does not claim is learned from how far its fixes lie from
// where the two before them led: over minutes at first, over hours where they stay alike, which makes the learned error
// good to a few per cent; evidence is reckoned with it a little larger and a little smaller, whichever says less. An error
// that grows all at once is taken for the old one during the first few fixes; that much is not promised.
//
// # Written and carried
//
// State has two parts. Written is what the caller stores: open stays and the
// times their timers need. Carried holds the last fixes and the evidence. It
// contains positions, so it must never be stored; it is kept in memory and, in
// the form of MarshalCarried and sealed, by the phone itself. Losing it costs a
// few pings of evidence and no stay.
package presence
