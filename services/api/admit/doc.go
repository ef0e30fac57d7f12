// Package admit decides which calls a node takes when more come than it can serve.
//
// What is counted is pings: a call weighs as many as it carries, others what they cost by comparison. At most a limit of
// them is in the works at once. The limit is found, not set: ten times a second it is multiplied by the square root of
// what calls may take over what they took on average, so that under load it settles where calls take [Settings.Target]
// each, which is a queue just long enough to keep the machine busy. A machine whose calls take long when it has little
// to do (a slow disk) is measured by that instead, up to four times the target: fewer calls would not be faster there.
//
// A call that finds no room waits, in a bounded queue and for a bounded time; the time is cut to a quarter once the
// queue has not been empty for long, since a standing queue serves nobody (Nichols and Jacobson, "Controlling Queue
// Delay", 2012). Room goes to phones first, then to imports, then to consoles; a class that waits earns a small share of
// what the others get, so that none starves. What waited in vain, or found the queue full, is refused with a time to
// come back at, spread over a second and more, the longer the more are refused.
//
// Of a class that is refused a lot, part is refused before its requests are read ([Gate.Open]): the share by which the
// calls exceed half as many again as were taken (after "Handling Overload" in Site Reliability Engineering, 2016, where
// clients do this to themselves). That keeps a flood from costing as much as serving it.
//
// Promises: a refusal comes within [Settings.Wait], and the caller's own scheduling; what waits is bounded; a call with
// room costs a lock and no allocation; no call is taken out of turn within its class.
//
// It knows no gRPC, no engine and no caller by name: [Bucket] limits one caller, its owner says which. The time is
// passed in to [Limiter]; [Gate] is a Limiter with goroutines that wait.
package admit
