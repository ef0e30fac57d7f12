// Package wantgov1 is the public contract in Go: generated from the .proto files beside it, and nothing else.
//
// It promises the messages and services, the constraints on them (buf.validate, readable through the descriptors), who
// may call each method (the access option, see MethodAccess) and the reasons the server gives (reason.proto). It does
// not validate, authenticate or answer anything: that is the server's part.
//
// Rules of the contract, beyond what the files say one by one:
//   - Ids are UUIDs in their text form, made by the server; external ids are the brand's own.
//   - Every write carries a request id. The same id with the same request within a day gives the same answer; with
//     another request it is refused. Pings are known by their own ids.
//   - Positions are WGS-84 degrees, lengths metres, speeds metres a second, radii geodesic on a sphere.
//   - A batch of pings is checked ping by ping; every other request is refused as a whole, with all its faults.
//   - Fields and enum values are only added. A client treats an unknown value as the general case.
package wantgov1
