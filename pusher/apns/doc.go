// Package apns hands deliveries to the Apple Push Notification service over HTTP/2 with a signed provider token.
//
// It promises one attempt per Send, an outcome for every reason Apple documents, and few long-lived
// connections: Apple treats opening and closing as abuse. The exceptions to one attempt are answers after
// which Apple says to ask again at once and has taken nothing: a provider token that ran out, a connection
// bound to another key, and a stream that the server says it never looked at. Each is repeated once.
//
// Streams. A token-authenticated connection allows one stream until its first request is answered, and
// afterwards whatever it advertises, which may change either way. So the first request on a connection goes
// alone, and every later one first takes a slot below the limit advertised at that moment; a further
// connection is opened only when all are full, and never more than Options.Connections for an environment
// and topic. (An HTTP client's own pool, left to itself under a limit of one, either loses requests or opens
// hundreds of connections.)
//
// Provider tokens are shared by all connections of a key and environment, rolled at 50 minutes, and never replaced
// within 20 minutes of the last; with a store (Tokens) processes that share a key show Apple the same token. Only
// while that store does not answer, and the last token is over, does each sign its own.
//
// It does not pace, queue or decide about addresses; it speaks to Apple directly, not through an HTTP proxy.
// It logs nothing; errors never hold an address, a token or a key.
package apns
