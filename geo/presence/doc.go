// Package presence is the state machine of one device and its fences: it turns
// pings into the dated changes Entered, Dwelled and Exited.
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
// the error as Gaussian, along the normal of the edge or round the centre of a circle. The sum is a CUSUM: it
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
// # Written and carried
//
// State has two parts. Written is what the caller stores: open stays and the
// times their timers need. Carried holds the last fixes and the evidence. It
// contains positions, so it must never be stored; it is kept in memory and, in
// the form of MarshalCarried and sealed, by the phone itself. Losing it costs a
// few pings of evidence and no stay.
package presence
