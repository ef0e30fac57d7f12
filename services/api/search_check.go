package api

import (
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// keepsContract tells of a search that it surely keeps the contract's constraints, which are here by hand: the general
// checker would cost as much as a search. Of any other the general checker says what is wrong, if anything is: texts are
// measured in bytes here, which are never fewer than their letters, and a local time is left to it. A test holds the two
// against each other.
func keepsContract(r *v1.SearchStoresRequest) bool {
	if r.Latitude == nil || r.Longitude == nil || !within(*r.Latitude, -90, 90) || !within(*r.Longitude, -180, 180) {
		return false
	}
	if !finite(r.GetRadiusMeters()) || r.GetRadiusMeters() < 0 || r.GetPageSize() < 0 {
		return false
	}
	if len(r.GetText()) > 100 || len(r.GetChain()) > 100 || len(r.GetPageToken()) > 1024 || len(r.GetLocale()) > 35 || len(r.GetTags()) > 50 {
		return false
	}
	for _, tag := range r.GetTags() {
		if tag == "" || len(tag) > 64 {
			return false
		}
	}
	if _, local := r.GetOpen().(*v1.SearchStoresRequest_OpenAtLocalTime); local {
		return false
	}
	return r.GetView() >= v1.SearchStoresRequest_VIEW_UNSPECIFIED && r.GetView() <= v1.SearchStoresRequest_FULL
}

// within is false of what is no number.
func within(v, least, most float64) bool { return v >= least && v <= most }
