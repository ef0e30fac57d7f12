package store_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/korean"

	"github.com/wantgo/wantgo/services/store"
)

func read(t testing.TB, text string) ([]store.Row, []store.Refusal) {
	t.Helper()
	rows, refused, err := store.Read(strings.NewReader(text), store.FormatAuto, "")
	require.NoError(t, err)
	return rows, refused
}

func TestReadCSVReadsEveryColumnByName(t *testing.T) {
	rows, refused := read(t, "\xef\xbb\xbfLNG, Latitude ,id,name,name:ko,name_en,brand,city,country,hours,address,phone,tags,time_zone,radius,purpose,closed,colour\r\n"+
		"126.98,37.57,s-1,Cafe On,카페온,Cafe On EN,On,종로구,KR,Mo-Fr 09:00-22:00,\"1, 종로\",02-000,a; b;;a,Asia/Tokyo,120,visit,true,red\r\n")
	require.Empty(t, refused)
	require.Len(t, rows, 1)
	s := rows[0].Store
	require.Equal(t, 2, rows[0].Line)
	require.Equal(t, "s-1", s.ExternalID)
	require.Equal(t, map[string]string{"": "Cafe On", "ko": "카페온", "en": "Cafe On EN"}, s.Names)
	require.Equal(t, []any{37.57, 126.98}, []any{s.Place.Lat, s.Place.Lng})
	require.Equal(t, []any{"On", "종로구", "1, 종로", "02-000", "Asia/Tokyo", true}, []any{s.Chain, s.District, s.Address, s.Phone, s.TimeZone, s.Closed})
	require.Equal(t, []string{"a", "b"}, s.Tags)
	require.Equal(t, "Mo-Fr 09:00-22:00", s.Hours.String())
	require.Equal(t, store.Visit, rows[0].Fence.Purpose)
	require.Equal(t, "s-1", rows[0].Fence.ExternalID)
	require.Equal(t, 120.0, rows[0].Fence.Circle.Radius)
	require.NoError(t, s.Validate())
}

func TestReadCSVRefusesRowsOneByOne(t *testing.T) {
	const good = "good%d,37.5,127.0,ok,\n"
	for name, c := range map[string]struct{ row, field, reason string }{
		"latitude of 400":       {"x,400.1,127,n,", "lat", "-90 to 90"},
		"swapped":               {"x,127.0,37.5,n,", "lat", "swapped"},
		"not a number":          {"x,NaN?,127,n,", "lat", "not a number"},
		"NaN":                   {"x,NaN,127,n,", "lat", "-90 to 90"},
		"infinite":              {"x,37,Inf,n,", "lng", "-180 to 180"},
		"no latitude":           {"x,,127,n,", "lat", "missing"},
		"no place":              {"x,,,n,", "lat", "missing; lng: missing"},
		"null island":           {"x,0,0,n,", "lat", "0,0"},
		"no id":                 {",37.5,127,n,", "id", "1 to 128"},
		"id twice":              {"good0,37.5,127,n,", "id", "already in line 2"},
		"too few columns":       {"x,37.5,127", "row", "3 columns"},
		"too many columns":      {"x,37.5,127,n,1,2", "row", "6 columns"},
		"quote never closed":    {`x,37.5,127,"n,`, "row", "quotes"},
		"text after a quote":    {`x,37.5,127,"n"x,`, "row", "quotes"},
		"not UTF-8":             {"x,37.5,127,\xff\xfe,", "row", "bytes"},
		"radius no number":      {"x,37.5,127,n,wide", "radius", "not a number"},
		"radius negative":       {"x,37.5,127,n,-5", "radius", "1 to 100000"},
		"radius of the country": {"x,37.5,127,n,1e9", "radius", "1 to 100000"},
		"control character":     {"a\x00b,37.5,127,n,", "id", "plain text"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "id,lat,lng,name,radius\n한" + fmt.Sprintf(good, 9) + fmt.Sprintf(good, 0) + c.row + "\n" + fmt.Sprintf(good, 1) + fmt.Sprintf(good, 2)
			if name == "id twice" {
				text = "id,lat,lng,name,radius\n" + fmt.Sprintf(good, 0) + "한" + fmt.Sprintf(good, 9) + c.row + "\n" + fmt.Sprintf(good, 1) + fmt.Sprintf(good, 2)
			}
			rows, refused := read(t, text)
			require.Len(t, rows, 4, "no other row is lost")
			require.Len(t, refused, 1)
			require.Equal(t, 4, refused[0].Line)
			require.Equal(t, c.field, refused[0].Field)
			require.Contains(t, refused[0].Reason, c.reason)
		})
	}
}

func TestReadCSVQuotes(t *testing.T) {
	rows, refused := read(t, "id,lat,lng,name\n"+
		"a,1,1,\"first\nsecond\"\n"+
		"b,1,1,5\" cake\n"+
		"c,1,1,\"say \"\"hi\"\", you\"\n"+
		"d,1,1,\"lost\n"+
		"e,1,1,x\n"+
		"\n"+
		"f,1,1,\"y\"")
	names := map[string]string{}
	lines := map[string]int{}
	for _, r := range rows {
		names[r.Store.ExternalID], lines[r.Store.ExternalID] = r.Store.Names[""], r.Line
	}
	require.Equal(t, map[string]string{"a": "first second", "b": `5" cake`, "c": `say "hi", you`, "e": "x", "f": "y"}, names)
	require.Equal(t, map[string]int{"a": 2, "b": 4, "c": 5, "e": 7, "f": 9}, lines)
	require.Equal(t, "name", rows[0].Warnings[0].Field)
	require.Len(t, refused, 1)
	require.Equal(t, 6, refused[0].Line)
	require.Equal(t, "row", refused[0].Field)
}

func TestReadCSVOfExcel(t *testing.T) {
	table := "매장코드,매장명,위도,경도,주소\n가-1,똠방 카페,37.5,127.0,서울 종로구\n가-2,펲시,37.6,127.1,서울 중구\n"
	cp949, err := korean.EUCKR.NewEncoder().String(table)
	require.NoError(t, err)
	require.NotEqual(t, table, cp949)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(cp949))
	require.NoError(t, z.Close())
	for name, c := range map[string]struct{ text, encoding string }{
		"utf-8": {table, ""}, "utf-8 with mark": {"\xef\xbb\xbf" + table, ""}, "utf-8 said": {table, "UTF-8"},
		"cp949": {cp949, ""}, "cp949 said": {cp949, "CP949"}, "euc-kr said": {cp949, "euc-kr"}, "cp949 zipped": {zipped.String(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			rows, refused, err := store.Read(strings.NewReader(c.text), store.FormatCSV, c.encoding)
			require.NoError(t, err)
			require.Empty(t, refused)
			require.Len(t, rows, 2)
			require.Equal(t, []string{"가-1", "똠방 카페", "서울 종로구", "Asia/Seoul"},
				[]string{rows[0].Store.ExternalID, rows[0].Store.Names[""], rows[0].Store.Address, rows[0].Store.TimeZone})
			require.Equal(t, "펲시", rows[1].Store.Names[""], "펲 is in CP949 and not in EUC-KR")
		})
	}
}

func TestReadCSVBrokenBytesCostTheirRow(t *testing.T) {
	cp949, err := korean.EUCKR.NewEncoder().String("id,lat,lng,name\na,37,127,서울\nb,37,127,??\nc,37,127,부산\n")
	require.NoError(t, err)
	rows, refused := read(t, strings.Replace(cp949, "??", "\xc8", 1))
	require.Len(t, rows, 2)
	require.Equal(t, "부산", rows[1].Store.Names[""])
	require.Len(t, refused, 1)
	require.Equal(t, 3, refused[0].Line)
}

func TestReadRefusesWhatIsNoList(t *testing.T) {
	for name, c := range map[string]struct{ text, format, encoding, reason string }{
		"empty":            {"", "", "", "empty"},
		"blank":            {" \n\n", "", "", "empty"},
		"no latitude":      {"id,lng\n1,2\n", "", "", "no column lat"},
		"column twice":     {"id,lat,latitude,lng\n", "", "", "twice"},
		"utf-16":           {"\xff\xfei\x00", "", "", "UTF-16"},
		"unknown encoding": {"id,lat,lng\n", "", "latin1", "encoding"},
		"unknown format":   {"id,lat,lng\n", "xml", "", "format"},
		"no geojson":       {"{}", "", "", "GeoJSON"},
		"broken gzip":      {"\x1f\x8b\x00", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := store.Read(strings.NewReader(c.text), c.format, c.encoding)
			require.ErrorContains(t, err, c.reason)
			if name != "broken gzip" {
				require.ErrorIs(t, err, store.ErrList)
			}
		})
	}
}

func TestUnknownHoursKeepTheRow(t *testing.T) {
	rows, refused := read(t, "id,lat,lng,hours\na,37,127,when we feel like it\nb,37,127,24/7\nc,37,127,\n")
	require.Empty(t, refused)
	require.Len(t, rows, 3)
	require.False(t, rows[0].Store.Hours.Known())
	require.Equal(t, "hours", rows[0].Warnings[0].Field)
	require.True(t, rows[1].Store.Hours.Known())
	require.Empty(t, rows[2].Warnings)
}

func TestTimeZoneOfRows(t *testing.T) {
	rows, refused := read(t, "id,lat,lng,country\nseoul,37.5,127,\njeju,33.25,126.5,KR\nlondon,51.5,-0.1,gb\nnyc,40.7,-74,US\nsea,40,-40,\nbusan-us,35.1,129,US\n")
	require.Empty(t, refused)
	var zones []string
	for _, r := range rows {
		zones = append(zones, r.Store.TimeZone)
	}
	require.Equal(t, []string{"Asia/Seoul", "Asia/Seoul", "Europe/London", "", "", ""}, zones)
	require.Equal(t, "America/Chicago", rows[3].Merged(nil, "America/Chicago").TimeZone)
	_, refused = read(t, "id,lat,lng,time_zone\na,1,1,Mars/Base\nb,1,1,Local\nc,1,1,Asia/Seoul\n")
	require.Len(t, refused, 2)
}

func TestReadGeoJSON(t *testing.T) {
	const square = `{"type":"Polygon","coordinates":[[[127,37],[127.01,37],[127.01,37.01],[127,37.01],[127,37]]]}`
	rows, refused := read(t, `{"type":"FeatureCollection","features":[
{"type":"Feature","id":"p1","properties":{"name":"Point","name_en":"P","tags":["x","y"],"radius":50,"opening_hours":"24/7"},"geometry":{"type":"Point","coordinates":[127.5,37.5]}},
{"type":"Feature","id":"a1","properties":{"name":"Area","purpose":"visit"},"geometry":`+square+`},
{"type":"Feature","id":"p1","properties":{"name":"again"},"geometry":{"type":"Point","coordinates":[127.6,37.5]}},
{"type":"Feature","id":"bad","properties":{},"geometry":{"type":"Point","coordinates":[127.6,400.166]}},
{"type":"Feature","id":"bad","properties":{},"geometry":{"type":"Point","coordinates":[127.6,40]}},
{"type":"Feature","properties":{"name":"Same"},"geometry":{"type":"Point","coordinates":[127.6,37.5]}},
{"type":"Feature","properties":{"name":"Same"},"geometry":{"type":"Point","coordinates":[127.7,37.5]}},
{"type":"Feature","id":"o","properties":{"name":{"ko":"x"}},"geometry":{"type":"Point","coordinates":[127.7,37.5]}},
{"type":"Feature","id":"q","properties":{"lat":37.005,"lng":127.001},"geometry":`+square+`}
]}`)
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.Store.ExternalID)
	}
	require.Equal(t, []string{"p1", "a1", "bad", "Same", "Same#2", "q"}, ids)
	require.Equal(t, []string{"x", "y"}, rows[0].Store.Tags)
	require.Equal(t, map[string]string{"": "Point", "en": "P"}, rows[0].Store.Names)
	require.Equal(t, 50.0, rows[0].Fence.Circle.Radius)
	require.Equal(t, "24/7", rows[0].Store.Hours.String())
	require.Equal(t, store.Visit, rows[1].Fence.Purpose)
	require.InDelta(t, 37.005, rows[1].Store.Place.Lat, 1e-3)
	require.NotNil(t, rows[1].Fence.Area)
	require.Equal(t, 127.001, rows[5].Store.Place.Lng, "the named place goes before the centre")
	var lines []int
	for _, r := range refused {
		lines = append(lines, r.Line)
	}
	require.Equal(t, []int{4, 5, 9}, lines)
	require.Equal(t, "name", refused[2].Field)
}

func TestMergeAndDiff(t *testing.T) {
	before, _ := read(t, "id,lat,lng,name,name:ko,phone,hours,time_zone\na,37,127,A,가,1,24/7,Asia/Tokyo\nb,37,127,B,나,2,,\n")
	stores := []store.Store{before[0].Merged(nil, "UTC"), before[1].Merged(nil, "UTC")}
	rows, _ := read(t, "id,lat,lng,name,phone,radius\na,37,127.5,A,,100\nb,37,127,B,2,\nc,38,127,C,3,\n")
	d := store.Diff(stores, nil, rows, "UTC")
	require.Equal(t, []int{1, 1, 1}, []int{d.Created, d.Updated, d.Unchanged})
	require.Equal(t, store.Change{Line: 2, ID: "a", Fields: []store.FieldChange{
		{Field: "lng", From: "127", To: "127.5"}, {Field: "phone", From: "1", To: ""}, {Field: "fence", To: "near circle of 100 m"},
	}}, d.Changes[0])
	require.True(t, d.Changes[1].Created)

	a := rows[0].Merged(&stores[0], "UTC")
	require.Equal(t, "가", a.Names["ko"], "a missing column leaves what stood there")
	require.Equal(t, "Asia/Tokyo", a.TimeZone, "a guess does not replace a zone")
	require.Equal(t, "24/7", a.Hours.String())
	require.Empty(t, a.Phone, "an empty cell clears it")

	fence := *rows[0].NewFence(uuid.New(), uuid.New())
	after := []store.Store{a, stores[1], rows[2].Merged(nil, "UTC")}
	d = store.Diff(after, []store.Fence{fence}, rows, "UTC")
	require.Equal(t, []int{0, 0, 3}, []int{d.Created, d.Updated, d.Unchanged}, "what was imported changes nothing again: %v", d.Changes)
}

func dataFile(t testing.TB, name string) string {
	t.Helper()
	folder := os.Getenv("WANTGO_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real data: %v (set WANTGO_DATA to its folder)", err)
	}
	return path
}

func TestRealLists(t *testing.T) {
	for name, want := range map[string]int{
		"stores_kr_chains.csv": 19902, "stores_mcdonalds_beijing.csv": 264, "stores_mcdonalds_us.csv": 14170,
		"stores_starbucks_us.csv": 10843, "stores_starbucks_world.csv": 25597,
		"polygons_san_francisco.geojson": 37, "polygons_seoul_dong.geojson": 425, "polygons_korea_provinces.geojson.gz": 17,
	} {
		t.Run(name, func(t *testing.T) {
			rows, refused, err := store.ReadFile(dataFile(t, name), "", "")
			require.NoError(t, err)
			require.Empty(t, refused)
			require.Len(t, rows, want)
			for _, r := range rows {
				s := r.Merged(nil, "UTC")
				require.NoError(t, s.Validate())
			}
		})
	}
}

// A list of random rows, some of them broken in ways that keep their line, gives exactly the sound ones.
func TestReadCSVAgainstKnownRows(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		var want []string
		text := "id,lat,lng,name\n한글,1,1,한글한글\n"
		want = append(want, "한글")
		for i := range rng.IntN(40) {
			id := fmt.Sprintf("s%d", i)
			switch rng.IntN(7) {
			case 0:
				text += id + ",99,1,x\n"
			case 1:
				text += id + ",1,1,\"open\n"
			case 2:
				text += id + ",1,1\n"
			case 3:
				text += id + ",1,1,\xff\n"
			case 4:
				text += id + ",1,1,\"a, b\"\n"
				want = append(want, id)
			default:
				text += id + ",1,1,이름\n"
				want = append(want, id)
			}
		}
		var got []string
		rows, _, err := store.Read(strings.NewReader(text), "", "utf-8")
		require.NoError(t, err)
		for _, r := range rows {
			got = append(got, r.Store.ExternalID)
		}
		require.Equal(t, want, got, text)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("id,lat,lng,name,hours,radius\na,1,2,\"x\ny\",24/7,5\nb,1,2,\xb0\xa1,,\n"))
	f.Add([]byte(`{"type":"Feature","id":1,"properties":{"name":"x"},"geometry":{"type":"Point","coordinates":[1,2]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rows, refused, err := store.Read(bytes.NewReader(raw), "", "")
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, r := range rows {
			s := r.Merged(nil, "UTC")
			require.NoError(t, s.Validate())
			require.False(t, ids[s.ExternalID])
			ids[s.ExternalID] = true
			if r.Fence != nil {
				fence := r.NewFence(uuid.New(), uuid.New())
				require.NoError(t, fence.Validate())
			}
		}
		for _, r := range refused {
			require.NotEmpty(t, r.Reason)
			require.Positive(t, r.Line)
		}
	})
}
