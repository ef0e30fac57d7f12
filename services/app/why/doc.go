// Package why prints what DecisionService says, for people at a terminal: decisions with their gates, how things stand
// with a person, and what happens as it happens.
//
// It promises: gates stand in the order in which they are asked; every reason is said as its code and as a sentence, in
// English or Korean; times are those of one zone, which is named; no position is printed, because none is told. It asks
// nothing and decides nothing: what is printed is what the answer holds.
package why
