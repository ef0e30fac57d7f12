package track

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"golang.org/x/text/encoding/ianaindex"
)

// gpxSource walks the XML as it comes: a file of any length needs the memory of one point, each point has a line, and
// a point that makes no sense does not end the document, as it would by decoding the document into a structure.
type gpxSource struct {
	in    *xml.Decoder
	name  string
	path  []string // of open elements, local names
	track gpxTrack
	point gpxPoint
	text  strings.Builder
}

// maxDepth bounds how deep elements may lie.
const maxDepth = 64

type gpxTrack struct {
	number int
	name   string
	points int
}

type gpxPoint struct {
	line                            int
	lat, lng, time, accuracy, speed string
}

func newGPX(r io.Reader, name string) *gpxSource {
	in := xml.NewDecoder(r)
	in.CharsetReader = func(charset string, input io.Reader) (io.Reader, error) {
		encoding, err := ianaindex.IANA.Encoding(charset)
		if err != nil || encoding == nil {
			return nil, fmt.Errorf("unknown encoding %q", charset)
		}
		return encoding.NewDecoder().Reader(input), nil
	}
	return &gpxSource{in: in, name: name}
}

func (s *gpxSource) next() (Point, error) {
	for {
		line, _ := s.in.InputPos()
		token, err := s.in.Token()
		if err == io.EOF && len(s.path) == 0 {
			return Point{}, io.EOF
		}
		if err != nil {
			return Point{}, fmt.Errorf("gpx: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := s.start(token, line); err != nil {
				return Point{}, err
			}
		case xml.CharData:
			if s.text.Len() < 4096 {
				s.text.Write(token)
			}
		case xml.EndElement:
			if s.end(token.Name.Local) {
				return s.finish()
			}
		}
	}
}

func (s *gpxSource) start(e xml.StartElement, line int) error {
	if len(s.path) == 0 && e.Name.Local != "gpx" {
		return fmt.Errorf("gpx: the document is <%s>, not <gpx>", clip(e.Name.Local))
	}
	if len(s.path) >= maxDepth {
		return fmt.Errorf("gpx: line %d: elements more than %d deep", line, maxDepth)
	}
	s.path = append(s.path, e.Name.Local)
	s.text.Reset()
	switch {
	case s.at("gpx", "trk"):
		s.track = gpxTrack{number: s.track.number + 1}
	case s.at("gpx", "trk", "trkseg", "trkpt"):
		s.point = gpxPoint{line: line}
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "lat":
				s.point.lat = a.Value
			case "lon":
				s.point.lng = a.Value
			}
		}
	}
	return nil
}

// end takes what an element held, and tells whether it was a whole track point.
func (s *gpxSource) end(name string) (point bool) {
	text := strings.TrimSpace(s.text.String())
	s.text.Reset()
	switch {
	case s.at("gpx", "trk", "name"):
		s.track.name = text
	case s.at("gpx", "trk", "trkseg", "trkpt"):
		point = true
	case len(s.path) > 4 && s.path[3] == "trkpt":
		s.field(name, text)
	}
	s.path = s.path[:len(s.path)-1]
	return point
}

func (s *gpxSource) field(name, text string) {
	switch {
	case name == "time" && len(s.path) == 5:
		s.point.time = text
	case name == "speed":
		s.point.speed = text
	case name == "accuracy":
		s.point.accuracy = text
	}
}

func (s *gpxSource) at(path ...string) bool {
	if len(path) != len(s.path) {
		return false
	}
	for i := range path {
		if path[i] != s.path[i] {
			return false
		}
	}
	return true
}

func (s *gpxSource) finish() (Point, error) {
	s.track.points++
	p := Point{Device: s.track.name, Line: s.point.line, Accuracy: math.NaN(), Speed: math.NaN()}
	if p.Device == "" {
		p.Device = fmt.Sprintf("%s#%d", s.name, s.track.number)
	}
	field, reason := p.fillGPX(&s.point)
	if reason == "" {
		return p, nil
	}
	return Point{}, &Refusal{Line: p.Line, Device: clip(p.Device), Point: s.track.points, Field: field, Reason: reason}
}

func (p *Point) fillGPX(raw *gpxPoint) (field, reason string) {
	for _, n := range []struct {
		field, text string
		into        *float64
		needed      bool
	}{{"lat", raw.lat, &p.Lat, true}, {"lon", raw.lng, &p.Lng, true}, {"accuracy", raw.accuracy, &p.Accuracy, false}, {"speed", raw.speed, &p.Speed, false}} {
		if n.text == "" && n.needed {
			return n.field, reasonMissing
		}
		if n.text == "" {
			continue
		}
		value, ok := parseFloat([]byte(strings.TrimSpace(n.text)))
		if !ok {
			return n.field, reasonNumber
		}
		*n.into = value
	}
	if raw.time == "" {
		return "time", reasonMissing
	}
	at, ok := parseTime(raw.time)
	if !ok {
		return "time", "not a time"
	}
	p.At = at.UnixMilli()
	return p.check()
}

// parseTime reads xsd:dateTime; GPX means UTC where no zone is given.
func parseTime(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", text)
	}
	return at, err == nil
}

func clip(text string) string {
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
