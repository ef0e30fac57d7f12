// Package seal keeps secrets closed under one root secret of the node: stored credentials, the presence tokens that
// phones carry, and the device tokens that phones show.
//
// Every purpose has its own keys, derived from the root by HKDF-SHA256, so a box made for one purpose never opens as
// another. A box is AES-256-GCM with 24-byte random nonces in the XAES-256-GCM construction (C2SP), the first half of
// which, and the key that it stands for, serves 2^20 boxes of one process: presence tokens are
// made with nearly every answer, and plain 12-byte random nonces allow only 2^32 boxes a key, which a busy node makes
// within days. What a box belongs to (brand, kind, device) is bound to it as associated data and must be named again
// to open it.
//
// Each box and token begins with the id of its root, so a rotated root still opens what an earlier one closed: give
// New the present root first and the earlier ones after it. New boxes are always closed under the present one.
//
// What it does not promise: it neither hides the length of what is sealed nor knows whether a box is the newest one;
// a caller that cares about replays puts a version inside.
package seal
