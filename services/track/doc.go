// Package track reads recorded positions of devices from files: CSV and GPX, each plain or gzipped.
//
// It only reads formats. A row that cannot be a position (no time, a latitude of 400) is refused alone, with its line
// and the field at fault, and every other row is read. What a position means, and whether anyone may look at it, is
// not decided here.
//
// # CSV
//
//	device,unix_ms,lat,lng,accuracy_m,speed_mps,altitude
//
// Columns are found by the names in the first line, in any order and any case; device, unix_ms, lat and lng are
// needed (latitude, longitude, lon are understood), accuracy_m and speed_mps may be missing or empty, others are not looked at. UTF-8, with
// or without byte order mark, one record a line: a record never spans lines, so a stray quote costs one row, not the
// rest of the file. For the same reason, and because encoding/csv takes most of the time of a file with millions of
// rows, lines are split here; only a line with a quote in it goes through encoding/csv.
//
// # GPX
//
// Track points of GPX 1.0 and 1.1. The device is the track's name, or for a nameless track the name of the file and the
// number of the track ("walk.gpx#2"). Tracks of one name are recordings of one device. Speed and accuracy are taken
// from elements of these names, as 1.0 and common extensions write them. Waypoints and routes are not recordings
// and are left out. A fault of the XML itself ends the file: what came before stays.
package track
