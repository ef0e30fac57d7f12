// Package api is the door: it speaks the contract of proto/wantgo/v1 and translates between its messages and the
// domain. No other package sees both.
//
// The same services answer as gRPC, gRPC-Web, Connect and plain JSON over HTTP on one port ([Server.Handler]); a
// native gRPC listener ([Server.GRPC]) is there for those who want its speed. A handler authorises, translates, calls
// the engine and translates back; what is decided is decided elsewhere.
//
// Promises: nobody gets in without the caller that the method's access option asks for, and a caller's brand and person
// come from its key or token, never from a request; another brand's ids answer as if they did not exist; every refusal
// is a status with a reason of the contract, and with the field where one is at fault; a write with a request id is
// done once and answered alike within a day; a fault of ours is logged once and answered without detail; no coordinate,
// push address, token or secret stands in a log or in an error.
//
// What the contract has and the domain cannot keep yet is refused with the field's name, never silently dropped. The
// exceptions are facts nothing depends on: os_version and sdk_version of a device.
//
// More calls than the node can serve are refused within a moment, most of a flood before it is read (package admit): as
// RESOURCE_EXHAUSTED with the time to come back at, or 429 with Retry-After. Phones go before imports, imports before
// everything else.
//
// It keeps no state but rate limits and who is in the works, and no time but the engine's; what waits for room waits by the
// process's own clock.
package api
