package store_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/store"
)

func TestValidateStore(t *testing.T) {
	good := store.Store{ExternalID: "a", Place: geo.Point{Lat: 37.5, Lng: 127}, TimeZone: "Asia/Seoul"}
	require.NoError(t, good.Validate())
	for field, change := range map[string]func(*store.Store){
		"external_id":   func(s *store.Store) { s.ExternalID = " a" },
		"lat":           func(s *store.Store) { s.Place.Lat = math.NaN() },
		"lng":           func(s *store.Store) { s.Place.Lng = 180.1 },
		"time_zone":     func(s *store.Store) { s.TimeZone = "" },
		"names.x_y!":    func(s *store.Store) { s.Names = map[string]string{"x_y!": "n"} },
		"image_url":     func(s *store.Store) { s.ImageURL = "javascript:alert(1)" },
		"tags[0]":       func(s *store.Store) { s.Tags = []string{"a;b"} },
		"hours[0].from": func(s *store.Store) { s.Hours.Weekly = []store.Span{{From: 1440}} },
		"hours[0].day":  func(s *store.Store) { s.Hours.Weekly = []store.Span{{Day: 7}} },
	} {
		s := good
		change(&s)
		var vs store.Violations
		require.ErrorAs(t, s.Validate(), &vs, field)
		require.Len(t, vs, 1, field)
		require.Equal(t, field, vs[0].Field)
	}
	var vs store.Violations
	bad := store.Store{Place: geo.Point{Lat: 91, Lng: 200}}
	require.ErrorAs(t, bad.Validate(), &vs)
	require.Len(t, vs, 4, "all faults together: %v", vs)
}

func TestValidateFence(t *testing.T) {
	circle := geo.Circle{Center_: geo.Point{Lat: 1, Lng: 1}, Radius: 100}
	good := store.Fence{ExternalID: "f", Purpose: store.Near, Circle: &circle}
	require.NoError(t, good.Validate())
	for field, change := range map[string]func(*store.Fence){
		"purpose":       func(f *store.Fence) { f.Purpose = "" },
		"store_id":      func(f *store.Fence) { f.Purpose = store.Visit },
		"shape":         func(f *store.Fence) { f.Circle = nil },
		"circle.radius": func(f *store.Fence) { c := circle; c.Radius = math.Inf(1); f.Circle = &c },
		"circle.center": func(f *store.Fence) { c := circle; c.Center_.Lat = math.NaN(); f.Circle = &c },
		"rules":         func(f *store.Fence) { f.Rules = &presence.Rules{EnterMargin: -1} },
	} {
		f := good
		change(&f)
		var vs store.Violations
		require.ErrorAs(t, f.Validate(), &vs, field)
		require.Len(t, vs, 1)
		require.Equal(t, field, vs[0].Field)
	}
}

func TestCheckVisits(t *testing.T) {
	a, b := uuid.New(), uuid.New()
	fences := []store.Fence{{ExternalID: "1", StoreID: a, Purpose: store.Visit}, {ExternalID: "2", StoreID: a, Purpose: store.Near}, {ExternalID: "3", StoreID: b, Purpose: store.Visit}}
	require.NoError(t, store.CheckVisits(fences))
	fences = append(fences, store.Fence{ExternalID: "4", StoreID: a, Purpose: store.Visit})
	require.ErrorContains(t, store.CheckVisits(fences), `"4"`)
	fences[0].DeletedAt = time.Unix(1, 0)
	require.NoError(t, store.CheckVisits(fences))
}

func TestName(t *testing.T) {
	s := store.Store{ExternalID: "id", Names: map[string]string{"ko": "카페", "": "Cafe"}}
	require.Equal(t, []string{"카페", "카페", "Cafe", "Cafe"}, []string{s.Name("ko"), s.Name("ko-KR"), s.Name("fr"), s.Name("")})
	s.Names = nil
	require.Equal(t, "id", s.Name("ko"))
	s.Chain = "On"
	require.Equal(t, "On", s.Name("ko"))
}
