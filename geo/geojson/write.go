package geojson

import (
	"fmt"

	"github.com/paulmach/orb"
	orbjson "github.com/paulmach/orb/geojson"

	"github.com/wantgo/wantgo/geo"
)

const circleCorners = 64

// Write returns a shape as a GeoJSON geometry. An area becomes a MultiPolygon and is read back as it was, to the bit.
// GeoJSON has no circle: one becomes a Polygon of 64 corners on its line, which is at most 0.12 % of the radius inside it.
func Write(shape geo.Shape) ([]byte, error) {
	switch s := shape.(type) {
	case *geo.Area:
		out := make(orb.MultiPolygon, len(s.Polygons()))
		for i, rings := range s.Polygons() {
			out[i] = polygon(rings)
		}
		return orbjson.NewGeometry(out).MarshalJSON()
	case geo.Circle:
		ring := make([]geo.Point, circleCorners+1)
		for i := range ring {
			ring[i] = geo.Destination(s.Center_, -360*float64(i%circleCorners)/circleCorners, s.Radius)
		}
		return orbjson.NewGeometry(polygon([][]geo.Point{ring})).MarshalJSON()
	}
	return nil, fmt.Errorf("%w: a %T has no geometry", geo.ErrShape, shape)
}

func polygon(rings [][]geo.Point) orb.Polygon {
	out := make(orb.Polygon, len(rings))
	for i, ring := range rings {
		out[i] = make(orb.Ring, len(ring))
		for j, p := range ring {
			out[i][j] = orb.Point{p.Lng, p.Lat}
		}
	}
	return out
}
