// Package audience holds the rules about people: what their consents allow, whether they may be located, and which of
// their devices can be reached.
//
// Nothing is allowed unless someone said yes: a missing consent, an unknown age and an unknown purpose are all a no.
// Consents are events with the time at which the person acted; where each stands follows from the latest one, whatever
// the order in which they arrive. It has no storage and no clock.
package audience
