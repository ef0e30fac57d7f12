// Package push holds the tests of what goes wrong between the outbox and the push providers: the real program, a real
// PostgreSQL with production durability, and emulated providers that reset, refuse, stall and die while deliveries wait.
// There is nothing in it but tests.
//
// What is promised is counted from outside: every delivery was made by the engine's own commit, and in the end each is
// accepted by its provider, known by distinct id, or expired by its deadline. Requests and doubles at the provider are
// told, not judged: an attempt whose answer was lost has to be repeated.
//
// `go test` does every fault to some hundred deliveries; `make chaos` (WANTGO_CHAOS=full) to 20,000 each, and at length.
// WANTGO_PUSH_DELIVERIES sets another number, and WANTGO_PUSH_FAULT picks the faults whose name holds it. Both print a
// table, and the same as JSON. It says nothing of Google's or Apple's own faults beyond what their contracts tell.
package push
