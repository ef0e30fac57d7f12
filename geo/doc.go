// Package geo holds positions, distances and shapes, exactly and with the standard library alone.
//
// Distances are great-circle distances on a sphere of radius EarthRadius, by the haversine formula. A circle is
// closed: a point at exactly its radius is inside.
//
// A polygon's edges are straight in longitude and latitude, each taken the short way round, so that a step of more
// than 180 degrees of longitude crosses the antimeridian. Inside is even-odd over all rings. A ring that goes round
// a pole bounds the side of that pole; of two such rings in one polygon the belt between them is inside.
//
// Points on a polygon's border follow one convention, which makes shapes that share a border share no point: with a
// ray towards the east, an edge is crossed when
//
//	(a.Lat > p.Lat) != (b.Lat > p.Lat) && p.Lng < (b.Lng-a.Lng)*(p.Lat-a.Lat)/(b.Lat-a.Lat)+a.Lng
//
// so western and southern borders are inside, eastern and northern ones outside. The longitude 180 is read as -180.
// The edge index gives the same answer as this test over all edges, to the bit.
//
// The package does not project, does not know ellipsoids (up to 0.5 % from WGS-84 geodesics), and repairs nothing
// that it does not report as a Warning.
package geo
