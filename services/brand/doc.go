// Package brand holds the rules of a tenant: its settings and the floors that no setting goes below, its filing under
// the location law, its keys, the credentials by which its notifications reach a provider, and the keys by which its
// backend says who a person is.
//
// It has no storage and no clock: times are passed in. It promises that every fault of a request is reported at once,
// each with its field, that a secret never appears in an error or in a String, and that secrets are compared in
// constant time. It does not promise that a credential works: only a provider can say that.
package brand
