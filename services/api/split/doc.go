// Package split makes two listeners of one port: gRPC's own connections on one of them, everything else on the other, so
// that each is served by the server that is best at it: behind net/http a call of gRPC costs more than on grpc-go's own
// transport.
//
// A connection is told by what it says, not by what TLS agreed on: HTTP/2's preface, and then the content type of the
// first request. What was read is read again by the server that gets the connection. Clients of gRPC wait for the
// server's SETTINGS before they ask for anything, so the Splitter writes SETTINGS of its own, which say nothing but how
// many calls may be under way. The server's own follow and hold; the client acknowledges both, and since a server takes
// an acknowledgement of what it has not sent for an error, the first is taken out of what it reads.
//
// Promised: whatever is not surely native gRPC goes to the HTTP server, which is to serve gRPC too, only dearer: a request
// with very large headers, a client that says hello and then nothing for a while, anything malformed. A connection that
// waits to be told apart has a deadline, a bounded buffer and a place among a bounded number, of which the oldest goes
// first. Nothing that the Splitter started is left when Serve has returned.
//
// Not promised: several protocols on one connection. The first request decides for all; a client that goes on with plain
// JSON on a connection that it opened with gRPC gets 415 from grpc-go. Clients do not do that of themselves, a proxy that
// shares its connections among its clients may.
package split
