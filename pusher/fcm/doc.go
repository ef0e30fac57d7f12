// Package fcm hands deliveries to Firebase Cloud Messaging, HTTP v1.
//
// It promises one attempt per Send (an access token that the provider refuses is replaced and the request
// repeated once: nothing was accepted in between), an answer classified from the status, the structured
// codes and the headers, and a Result that says whether a phone may have received the notification although
// no answer came. It never retries by itself: firebase-admin-go repeats network errors and 503 at once, four
// times, against Google's own advice to wait ten seconds, and hides Retry-After, so it is given a transport
// that keeps the real answer for this package and shows the library one that it does not repeat.
//
// The library remains the sender of record: it builds, checks and posts the request. What it does not know
// yet, an address that is a Firebase installation id, is put in by the transport.
//
// It does not pace, queue, look at quotas or decide about addresses: Result says what the provider meant.
// It logs nothing; errors never hold an address, a token or a key.
package fcm
