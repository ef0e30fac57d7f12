// Package pusher brings notifications to devices through push providers, at least once and never after their
// deadline. A delivery is stored (the Outbox) before anything is attempted, and leased to one node while that
// node may attempt it; the Dispatcher of the node attempts, classifies, waits and ends it.
//
// It promises: no delivery is lost: each ends as accepted, failed, expired, suppressed or cancelled while any node
// lives and its storage answers. Nothing is handed to a provider at or after the deadline. No two nodes attempt
// one delivery at the same time while leases hold. Every attempt was counted in storage before it began. A
// result that cannot be stored is kept and stored later; it is not attempted again by this node meanwhile.
//
// Where not everything can go at once, moments go before reminders and those before bulk, brands take turns, and a large
// send climbs to its pace over a minute; a small share is left to the lower ranks, so that nothing starves. What a
// provider asks for is kept to: a project's quota pauses the project, a device's the device, and a refused credential
// holds its deliveries, raises an alarm (BreakerObserver), and lets one try now and then, and all when it is replaced.
//
// It does not promise exactly once: an attempt that ended without an answer may have reached the phone, and so may
// one whose node died. A repetition carries the same notification id and collapse key, by which the phone shows
// one. It does not say that a phone showed anything: accepted means that the provider took it. It decides
// nothing about people: whom to notify, caps, consents and quiet hours are asked through Recheck. Pauses,
// slow-downs and pace are each node's own, in memory. No address, text or credential is ever logged here.
package pusher
