// Package webhook tells brands' systems what happens: it takes the letters that were written with the facts, reads what
// they are about, and posts it to the brand's endpoints by the Standard Webhooks specification.
//
// It promises: at least once, with the same webhook-id for every attempt; about one person an endpoint is told in the
// order in which things happened, each only after the one before was taken or given up; retries for a little over a
// day, and then a dead letter that can be replayed; one slow or dead endpoint holds up no other, whatever waits for it;
// a fact that was dropped or erased meanwhile is not told; the store and the time of day go only to endpoints that
// declare a recipient who may have them, about people who agree to it at that moment (of a third party: to this very
// recipient and its purpose), and only after the use was written into the person's location-use records; a third party is
// told of no visit and no decision of anybody else, and of the rest only after the end of its day; while an endpoint takes
// nothing, all nodes together ask it one letter at a time; a URL, which comes from a stranger, leads to public addresses only,
// follows no redirect and asks no proxy.
//
// It does not decide what is a fact, and keeps nothing between attempts. That the pace of a letter's arrival tells
// something of when it was written is prevented for endpoints without the time of day by holding theirs until the day
// is over. No notice of a provision goes to the phone. An endpoint that answers and forgets is the brand's own affair.
package webhook
