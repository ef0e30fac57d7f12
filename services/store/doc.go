// Package store holds the rules of stores and fences: what makes one valid, when a store is open, and how lists of
// stores are read from CSV and GeoJSON files. It has no storage and no clock.
//
// # Lists of stores
//
// Read takes a CSV file with a header or a GeoJSON file of points or polygons, in UTF-8 (with or without byte order
// mark) or CP949, as Korean Excel writes it. A faulty row is refused alone, with its line and field. Columns are found
// by name in any order and case; id, lat and lng are needed, unknown ones are skipped:
//
//	id         the brand's own id, by which a store is found again; a repeated one is refused
//	name       name:ko, name:en, name_en … the same in one locale
//	lat, lng   degrees, WGS-84 (latitude, longitude, lon)
//	brand      the chain (chain)
//	city       the district (district)
//	address, phone, image_url
//	country    two letters; only helps to find the time zone
//	time_zone  IANA; else from country or place where these leave no doubt, else the brand's
//	hours      see ParseHours; a text that is not understood leaves the hours unknown, with a warning
//	tags       separated by ";"
//	closed     true or false
//	radius     metres; makes a circle with the store's id as its own
//	purpose    of that fence: visit, near (default) or other
//
// A GeoJSON feature has the same names as properties. A polygon is the store's fence and its centre, unless lat and lng
// are given, the store's place. An empty cell clears what stood there; a column that is missing leaves it.
//
// # Hours
//
// Opening hours are wall-clock times of a week in the store's zone. A time that a change of clocks skips means the moment of
// the change; one that comes twice means the first. A date may have other hours, or none (Exception); lists of stores do
// not carry those, and leave them as they are. Unknown hours are neither open nor closed.
package store
