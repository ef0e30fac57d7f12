// Package replay sends recorded tracks through the real engine, PostgreSQL included, on virtual time.
//
// It promises: every usable row is a ping of its own, in order of time, rows of one time in file order; the clock
// jumps to the next ping or timer and nothing else moves it; what it writes out is committed; a second run on the same
// database takes up where the first ended and doubles nothing; an unusable row is named by its line and costs no
// other.
//
// Replayed people have all consents and the fence's time zone: a replay asks what fences and campaigns would have done,
// not whom they may concern. Nothing is handed to a push provider; deliveries are written out as the intents they are.
package replay
