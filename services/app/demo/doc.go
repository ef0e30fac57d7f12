// Package demo is wantgo's whole way of a ping in one process: a city of invented stores, invented people who walk
// through it with phones, the server they report to, and emulators of the push providers that accept what it says.
//
// The phones are outside: they register, consent and report through the public API over the loopback interface, as an
// app would, and get their answers there. Nothing is played from a recording and nothing is sped up: a walker is where
// a person at 0.8 to 1.6 m/s would be, seen through a receiver's noise. What is chosen so that half a minute has
// something to show is where walkers start (close to an edge, or just inside), the demo brand's thresholds (less
// evidence, narrower exit, a short dwell) and its caps.
//
// What the summary says is true of what is stored: transitions, decisions, coupons and deliveries are counted in the
// database after the node has stopped, accepted notifications in the emulators' own records. Latency is measured on
// every delivery that a provider accepted. Stores, names and people are invented, the streets they stand in are not.
//
// It is not a load test and not a simulation of real movement; it never touches any data but its own directory's.
package demo
