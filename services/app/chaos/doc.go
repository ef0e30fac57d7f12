// Package chaos holds the tests of nodes and faults: several processes of the real program on one real PostgreSQL with
// production durability, phones that repeat what was not answered as the SDK does, and something that goes wrong in
// the middle of it. There is nothing in it but tests.
//
// What is promised is checked from outside, from what phones and tills saw acknowledged and what the push providers'
// emulators accepted, against the database by SQL of its own and against a twin that looks at every store for every
// ping: no acknowledged transition is lost, none happens twice, no cap is exceeded by distinct notifications, no coupon
// is issued or redeemed twice, no stock is oversold, and nothing is accepted past its deadline.
//
// `go test` runs every fault at a small size; `make chaos` (WANTGO_CHAOS=full) runs them larger and longer and prints a
// table of what was counted. WANTGO_CHAOS_SEED repeats a run's choices, though never its timing.
//
// It does not promise that nothing is late, nor anything about a second machine: the disks, clocks and networks that
// fail here are those of one host.
package chaos
