// Package engine joins places, presence, campaigns and notifications: it is the use cases of wantgo and the loops
// that run behind them.
//
// The person is the aggregate. Everything that is decided about a person is decided on a copy of the person's row
// and becomes true in one compare-and-set that writes the row and its facts together; nothing else decides. Caps,
// coupons and visits are therefore exact under any concurrency, on any number of nodes, without a lock outside the
// database. The decisions of many people that fall into the same moment go to the database as one statement.
//
// The way of one ping, all in memory until the last step:
//
//	Handle ── gates 1-6 (may this ping be looked at?) ── index.Match ── presence.Apply ── campaign.Decide
//	       ── one statement: the person's row and its facts ── answer ── deliveries to the dispatcher
//
// Calls about one person that wait for each other in a node share one write; each report still decides by itself, in
// order, and sees what the ones before it won.
//
// Nearly every ping has no consequence, and what it costs is waiting for memory. A call's reports are taken in one pass:
// for each the seat of its device (whose is it?), the copy of that person, a try at its lock, gates 1 to 6, the
// follower's last answer from the index, one step of presence; the memory of those behind is asked for meanwhile. Only
// what has something to write leaves the pass with its person locked, and waits for the group commit together with the
// others of the call; who is locked by somebody else, or must be read first, comes after. On this way nothing is
// allocated but the answers, nothing is logged, no table of fences is searched while the last answer holds, no lock is
// waited for, and the database is not asked.
//
// A ping without consequences writes nothing. Positions are never written: not to the database, not to a log; what
// must survive between pings travels sealed in the token that the phone brings back.
//
// Promises: an answer is given only after its consequences are committed; a repeated ping gets the first answer; a
// missing input means no notification; timers survive a restart, because the row says when it is due; time comes
// from the Clock alone, so that a replay is the same program on another clock.
//
// It does not speak to clients (package api), to PostgreSQL (package postgres) or to push providers (package
// pusher): it declares what it needs of them.
package engine
