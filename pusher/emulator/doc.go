// Package emulator speaks the wire protocols of push providers on this machine: FCM's HTTP v1 with its token
// endpoint, APNs' HTTP/2 over TLS in both environments, and a browser maker's push service with the browsers behind it.
//
// It promises what a client can observe: the access token bought with a signed assertion, the signed
// provider token, paths, headers, limits, answers and error bodies in the shapes the vendors document, and
// streams that are refused above the advertised limit. Answers are scripted per address (in the process, by
// a file, or over HTTP while it runs), everything may be held back and let go again, and a record tells what
// was accepted, when, and how many different notifications that was.
//
// It does not promise the vendors' undocumented behaviour: nothing here was compared with Google or Apple
// themselves. The phones behind it do no more than be away and come back. The control API asks nobody who they are,
// and the record holds addresses and texts in memory: keep an emulator on a loopback address.
//
// Keys and certificates are made when it starts, or kept in a directory of the caller's; none are built in.
//
// # Control over HTTP
//
// FCM's emulator serves these paths beside the provider's own; Run serves all emulators' under /fcm, /apns,
// /apns_sandbox and /webpush, and /accepted and /counts of all together:
//
//	GET    /accepted?since=N        what was accepted, from the N-th on; also address, notification, delivery, from and
//	                                until (RFC 3339), limit
//	GET    /arrived?since=N         what reached a phone, from the N-th on
//	GET    /rate                    how many were accepted in each second since the first
//	GET    /counts                  requests, accepted, distinct notifications, answers by outcome
//	GET    /control/script          the Script in force
//	PUT    /control/script          replaces it
//	PUT    /control/script/ADDRESS  a list of Outcome for one address, or a pattern such as dead-*
//	DELETE /control/script/ADDRESS  forgets them
//	PUT    /control/default         the Outcome of every other address
//	PUT    /control/latency         a Latency, for every answer
//	PUT    /control/offline/ADDRESS takes a phone off the network
//	DELETE /control/offline/ADDRESS brings it back: it gets what was kept for it
//	POST   /control/stall           holds every request, unlooked at
//	POST   /control/release         lets them go
//	POST   /control/forget          empties the record
//	POST   /control/revoke          FCM: no access token given out so far is good any more
//	PUT    /control/quotas          FCM: a Quotas
//	PUT    /control/streams         APNs: {"limit": N} for all connections
//	POST   /control/goaway?reason=R APNs: every connection is told to go
//	POST   /control/subscribe       web push: {"name", "application_server_key"} makes a subscription and returns it
package emulator
