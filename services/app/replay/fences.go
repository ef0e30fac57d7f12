package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
	"github.com/wantgo/wantgo/services/store"
)

// place is a fence to be replayed, with the store it belongs to, if any. Its external id is the id in the output.
type place struct {
	store *store.Store
	fence store.Fence
}

// refusal is one row or feature that was left out.
type refusal struct {
	Line   int    `json:"line,omitempty"`
	ID     string `json:"id,omitempty"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

// readStores makes a circle round every store of a list.
func readStores(path string, radius float64) ([]place, []refusal, error) {
	rows, refused, err := store.ReadFile(path, store.FormatAuto, "")
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	out := make([]refusal, 0, len(refused))
	for _, r := range refused {
		out = append(out, refusal{r.Line, r.ID, r.Field, r.Reason})
	}
	places := make([]place, 0, len(rows))
	for i := range rows {
		s := rows[i].Store
		circle, err := geo.NewCircle(s.Place, radius)
		if err != nil {
			return nil, nil, fmt.Errorf("radius: %w", err)
		}
		places = append(places, place{&s, store.Fence{ExternalID: s.ExternalID, Purpose: store.Near, Circle: &circle}})
	}
	return places, out, nil
}

// readFences takes the areas of a GeoJSON file, gzipped or not.
func readFences(path string) ([]place, []refusal, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	plain, err := unzip(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	result, err := geojson.Read(plain, false)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	var refused []refusal
	for _, r := range result.Refused {
		refused = append(refused, refusal{Line: r.Line, ID: r.ID, Field: "geometry", Reason: r.Reason})
	}
	var places []place
	for _, f := range result.Features {
		area, ok := f.Shape.(*geo.Area)
		if !ok {
			refused = append(refused, refusal{Line: f.Line, ID: f.ID, Field: "geometry", Reason: "not a polygon"})
			continue
		}
		places = append(places, place{fence: store.Fence{ExternalID: f.ID, Purpose: store.Near, Area: area}})
	}
	return places, refused, nil
}

func unzip(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	if magic, _ := buffered.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

// zoneOf is the time zone of the fences: the first that says one.
func zoneOf(places []place) string {
	for _, p := range places {
		if p.store != nil && p.store.TimeZone != "" {
			return p.store.TimeZone
		}
		centre := p.fence.Shape().Center()
		if zone := store.ZoneFor(centre, "", ""); zone != "" {
			return zone
		}
	}
	return "UTC"
}
