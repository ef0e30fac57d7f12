// Package webpush hands deliveries to browsers through the push services of their makers (RFC 8030), encrypted for the
// browser alone (RFC 8291) and signed with the brand's VAPID key (RFC 8292).
//
// It promises one attempt per Send, an outcome for every answer, and that a subscription, which comes from a phone, takes
// this process nowhere else: https only, hosts on a list, addresses looked up and refused when they are not public,
// redirects not followed, no proxy. What one subscription brings about stays its own: a push service that refuses our
// key is believed only when several different subscriptions in a row were refused and none accepted.
//
// It does not pace, queue or decide about addresses. A subscription belongs to the key it was made with: after a change
// of key those made before are refused, and the web app has to subscribe again. It logs nothing; errors never hold a
// subscription, a text or a key.
package webpush
