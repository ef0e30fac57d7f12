// Package campaign holds the rules of campaigns, moments, offers and coupons: which campaigns a moment may start (Index),
// which one of them wins and why the others did not (Decide), which a person could still win (Prospects), what may have
// changed before it is handed out (AskAgain), what the person reads (Render), what a brand may set up at all (Validate),
// and when a coupon is good (CheckRedeem).
//
// It promises: one winner for all moments decided together, or one notification of several where the brand joins offers;
// every candidate gets a decision that names the first gate it did not pass, in one fixed order; a missing input (no
// consent on record, no zone, no hours, no time, no value that an expression asks for) means no; an advertisement of a
// Korean brand carries its label first and its sender and opt-out text last, whatever the variables contain; what a
// decision says about its reason never names a place.
//
// It does not store, reserve or hand out anything, reads no clock and does no input or output: a decision is a value that
// the caller makes true or throws away. Stock and visits are asked of the caller, ids and codes come from the caller, and
// so does the time.
package campaign
