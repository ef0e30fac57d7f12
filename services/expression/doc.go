// Package expression judges people and moments by what a marketer wrote in CEL (cel.dev): the audience of a campaign
// (over person, store, moment and now), the filter of its trigger (over moment, store and now) and a saved segment
// (over person and now).
//
// It promises: an expression is type-checked against what the brand declared before it is kept, and each fault has its
// line and column; what is not known of a person, a store or a moment makes an expression neither true nor false but
// undecided, negated or not, and whoever decides takes that for a no; no evaluation panics, reads a clock, or costs more
// than MaxCost.
//
// It does not decide what follows from an answer, keeps nothing, and does not ask whether a person may be judged by what
// it reads: Program.Profiles tells that it would, and the caller asks for the consent.
package expression
