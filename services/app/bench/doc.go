// Package bench measures what a wantgo server does under load, from outside: a server process of this same binary with
// its own embedded PostgreSQL and the durability settings of production, driven over real gRPC by this process, and
// beside it a process that only decodes the same requests and answers, as the ceiling of what the machine could do.
//
// It promises that nothing of the measured path is special: the server is `wantgo serve`, the people have consents, uses
// of their location are recorded, campaigns are live, and every acknowledged transition is on disk. What it writes and
// reads on the wire are the contract's messages; it encodes and scans them by hand because it shares the machine with
// what it measures, and a test holds that against the generated code.
//
// Walkers live in past time: their pings are dated within the last day, one after the other, at walking speed, however
// fast they are reported. So the brand's freshness limit and silence time are off; nothing else of the policy is.
// It measures ingest; it says nothing of push providers, of networks, or of machines other than the one it runs on.
package bench
