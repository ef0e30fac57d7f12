package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wantgo/wantgo/services/brand"
)

// The columns of a list, by their first name.
const (
	colID       = "id"
	colName     = "name" // and name:<locale>
	colLat      = "lat"
	colLng      = "lng"
	colBrand    = "brand"
	colCity     = "city"
	colAddress  = "address"
	colPhone    = "phone"
	colImage    = "image_url"
	colCountry  = "country"
	colTimeZone = "time_zone"
	colHours    = "hours"
	colTags     = "tags"
	colClosed   = "closed"
	colRadius   = "radius"
	colPurpose  = "purpose"
	namePrefix  = "name:"
)

// otherNames are what columns are also called, Korean spreadsheets included.
var otherNames = map[string]string{
	"external_id": colID, "store_id": colID, "매장코드": colID, "매장id": colID,
	"매장명": colName, "지점명": colName, "이름": colName,
	"latitude": colLat, "위도": colLat, "longitude": colLng, "lon": colLng, "경도": colLng,
	"chain": colBrand, "브랜드": colBrand, "district": colCity, "지역": colCity, "주소": colAddress, "address": colAddress,
	"전화번호": colPhone, "전화": colPhone, "image": colImage, "timezone": colTimeZone, "시간대": colTimeZone,
	"opening_hours": colHours, "영업시간": colHours, "태그": colTags, "국가": colCountry, "radius_m": colRadius, "반경": colRadius,
}

var firstNames = []string{
	colID, colName, colLat, colLng, colBrand, colCity, colAddress, colPhone, colImage, colCountry, colTimeZone, colHours,
	colTags, colClosed, colRadius, colPurpose,
}

// columnOf is a column's first name; empty for one that is not read.
func columnOf(text string) string {
	name := strings.ToLower(strings.TrimSpace(text))
	if slices.Contains(firstNames, name) {
		return name
	}
	if first, ok := otherNames[name]; ok {
		return first
	}
	locale, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		locale, ok = strings.CutPrefix(name, "name_")
		ok = ok && len(locale) == 2
	}
	if ok && brand.ValidLocale(locale) {
		return namePrefix + locale
	}
	return ""
}

// header is the columns of a CSV file by position; empty for one that is not read.
type header struct{ columns []string }

func newHeader(cells []string) (*header, error) {
	if len(cells) > maxColumns {
		return nil, fmt.Errorf("%w: %d columns", ErrList, len(cells))
	}
	h := &header{columns: make([]string, len(cells))}
	for i, cell := range cells {
		column := columnOf(cell)
		if column != "" && slices.Contains(h.columns, column) {
			return nil, fmt.Errorf("%w: the header has column %s twice", ErrList, column)
		}
		h.columns[i] = column
	}
	for _, needed := range []string{colID, colLat, colLng} {
		if !slices.Contains(h.columns, needed) {
			return nil, fmt.Errorf("%w: the header has no column %s", ErrList, needed)
		}
	}
	return h, nil
}
