// Package geojson reads and writes shapes as GeoJSON (RFC 7946): a FeatureCollection, a Feature or a bare geometry.
//
// A file is read feature by feature. Each is cut out by its brackets alone before anything in it is parsed, so that one
// feature with a fault (even a bare NaN, which is no JSON) is refused by itself, with its position, line, id and
// reason, and costs the others nothing. What geo mends comes back as warnings of the feature.
//
// Polygons and MultiPolygons become areas; a Point becomes a place without a shape. Other geometries are refused.
// Unlike the RFC asks, rings need not be cut at the antimeridian: package geo takes each edge the short way round.
// Members that the RFC does not name are skipped; altitudes are dropped. Compression is the caller's.
package geojson
