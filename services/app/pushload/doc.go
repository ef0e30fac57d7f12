// Package pushload fills an outbox for measurements and fault tests: a brand with the emulators' credentials, people who
// may be reached, and one delivery for each of them, made by the engine's own decisions and commits, with person rows,
// ledgers and caps, as pings of a crowd walking into one place make them.
//
// It promises that nothing of the way is special but the crowd: every delivery stands in the database as a ping's commit
// left it, and every person has spent what the caps count. An engine that hands nothing to providers leaves them in the
// outbox, due at once and leased to nobody; one that does sends them at once. It says nothing of how they are sent.
package pushload
