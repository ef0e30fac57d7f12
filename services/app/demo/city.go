package demo

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/services/store"
)

// The city's fences, metres.
const (
	nearRadius  = 100
	visitRadius = 25
)

// spot is an invented store at a plausible place.
type spot struct {
	id, ko, en, district string
	lat, lng             float64
	kind                 string
	hours                hours
}

// hours are opening hours, alike on every day; minutes of the day.
type hours struct{ from, until int }

var (
	allDay = hours{0, 24 * 60}
	day    = hours{9 * 60, 21 * 60}
	early  = hours{7 * 60, 19 * 60}
	late   = hours{11 * 60, 2 * 60}
)

// spots are the invented brand's stores in the middle of Seoul, written by hand.
var spots = []spot{
	{"mb-01", "시청점", "City Hall", "중구", 37.56632, 126.97794, "cafe", day},
	{"mb-02", "광화문점", "Gwanghwamun", "종로구", 37.57118, 126.97655, "cafe", allDay},
	{"mb-03", "청계광장점", "Cheonggye Plaza", "중구", 37.56905, 126.97842, "bakery", early},
	{"mb-04", "종각점", "Jonggak", "종로구", 37.57022, 126.98305, "cafe", allDay},
	{"mb-05", "인사동점", "Insadong", "종로구", 37.57398, 126.98562, "tea", day},
	{"mb-06", "안국점", "Anguk", "종로구", 37.57661, 126.98507, "bakery", early},
	{"mb-07", "북촌점", "Bukchon", "종로구", 37.57962, 126.98521, "tea", day},
	{"mb-08", "삼청점", "Samcheong", "종로구", 37.58246, 126.98181, "books", day},
	{"mb-09", "경복궁역점", "Gyeongbokgung Station", "종로구", 37.57588, 126.97331, "cafe", allDay},
	{"mb-10", "서촌점", "Seochon", "종로구", 37.57899, 126.97012, "books", late},
	{"mb-11", "탑골점", "Tapgol", "종로구", 37.57071, 126.98821, "tea", day},
	{"mb-12", "익선점", "Ikseon", "종로구", 37.57352, 126.98948, "bakery", late},
	{"mb-13", "종로3가점", "Jongno 3-ga", "종로구", 37.57041, 126.99204, "cafe", allDay},
	{"mb-14", "수표교점", "Supyo Bridge", "중구", 37.56848, 126.98981, "books", day},
	{"mb-15", "세운점", "Sewoon", "종로구", 37.56921, 126.99512, "cafe", late},
	{"mb-16", "광장점", "Gwangjang", "종로구", 37.57012, 126.99968, "bakery", early},
	{"mb-17", "종로5가점", "Jongno 5-ga", "종로구", 37.57104, 127.00268, "cafe", allDay},
	{"mb-18", "방산점", "Bangsan", "중구", 37.56792, 127.00102, "books", day},
	{"mb-19", "을지로입구점", "Euljiro 1-ga", "중구", 37.56601, 126.98268, "cafe", allDay},
	{"mb-20", "을지로3가점", "Euljiro 3-ga", "중구", 37.56631, 126.99102, "tea", late},
	{"mb-21", "을지로4가점", "Euljiro 4-ga", "중구", 37.56664, 126.99782, "cafe", allDay},
	{"mb-22", "명동점", "Myeongdong", "중구", 37.56358, 126.98502, "cafe", allDay},
	{"mb-23", "명동성당점", "Cathedral Hill", "중구", 37.56321, 126.98771, "tea", day},
	{"mb-24", "명동역점", "Myeongdong Station", "중구", 37.56102, 126.98618, "bakery", allDay},
	{"mb-25", "퇴계로점", "Toegye-ro", "중구", 37.56068, 126.99008, "books", late},
	{"mb-26", "충무로점", "Chungmuro", "중구", 37.56142, 126.99418, "cafe", allDay},
	{"mb-27", "필동점", "Pil-dong", "중구", 37.55902, 126.99582, "tea", day},
	{"mb-28", "남산입구점", "Namsan Gate", "중구", 37.55772, 126.98498, "bakery", early},
	{"mb-29", "회현점", "Hoehyeon", "중구", 37.55848, 126.97921, "cafe", allDay},
	{"mb-30", "남대문점", "Namdaemun", "중구", 37.55936, 126.97688, "bakery", early},
	{"mb-31", "숭례문점", "Sungnyemun", "중구", 37.56048, 126.97462, "books", day},
	{"mb-32", "서울역점", "Seoul Station", "중구", 37.55538, 126.97188, "cafe", allDay},
	{"mb-33", "서울역뒤점", "Station West", "용산구", 37.55448, 126.96868, "bakery", allDay},
	{"mb-34", "서소문점", "Seosomun", "중구", 37.56392, 126.97398, "cafe", early},
	{"mb-35", "정동점", "Jeong-dong", "중구", 37.56602, 126.97242, "tea", day},
	{"mb-36", "서대문점", "Seodaemun", "종로구", 37.56602, 126.96678, "cafe", allDay},
	{"mb-37", "동대문점", "Dongdaemun", "종로구", 37.57108, 127.00912, "cafe", allDay},
	{"mb-38", "디자인광장점", "Design Plaza", "중구", 37.56648, 127.00892, "books", late},
	{"mb-39", "광희점", "Gwanghui", "중구", 37.56402, 127.00718, "tea", allDay},
	{"mb-40", "대학로점", "Daehak-ro", "종로구", 37.58112, 127.00238, "books", late},
}

// city is the stores that the demo's walkers walk between, each with its fences.
type city struct {
	stores []store.Store
	fences []store.Fence
}

// invented is the city of the invented stores.
func invented(brandID uuid.UUID) city {
	stores := make([]store.Store, len(spots))
	for i, s := range spots {
		stores[i] = store.Store{
			ExternalID: s.id, Names: map[string]string{"ko": "모락별 " + s.ko, "en": "Morakbyeol " + s.en, "": "모락별 " + s.ko},
			District: s.district, Place: geo.Point{Lat: s.lat, Lng: s.lng}, TimeZone: "Asia/Seoul",
			Hours: s.hours.weekly(), Tags: []string{s.kind}, Chain: "모락별",
		}
	}
	return built(brandID, stores)
}

func (h hours) weekly() store.Hours {
	var w store.Hours
	for d := time.Sunday; d <= time.Saturday; d++ {
		w.Weekly = append(w.Weekly, store.Span{Day: d, From: h.from, Until: h.until})
	}
	return w
}

// around is the city of a list of stores from outside; refused tells how many rows could not be used.
func around(brandID uuid.UUID, file string) (c city, refused []store.Refusal, err error) {
	rows, refused, err := store.ReadFile(file, store.FormatAuto, "")
	if err != nil {
		return city{}, nil, err
	}
	if len(rows) == 0 {
		return city{}, refused, fmt.Errorf("%s: no usable store in %d rows", file, len(refused))
	}
	stores := make([]store.Store, len(rows))
	for i := range rows {
		stores[i] = rows[i].Merged(nil, "Asia/Seoul")
	}
	return built(brandID, stores), refused, nil
}

// built gives every store its id and its two fences. Ids follow from the stores' own, so that a kept city is updated
// and not doubled.
func built(brandID uuid.UUID, stores []store.Store) city {
	c := city{stores: stores}
	for i := range c.stores {
		s := &c.stores[i]
		s.ID = uuid.NewSHA1(brandID, []byte("store/"+s.ExternalID))
		for _, f := range []struct {
			purpose store.Purpose
			radius  float64
		}{{store.Near, nearRadius}, {store.Visit, visitRadius}} {
			name := s.ExternalID + "/" + string(f.purpose)
			c.fences = append(c.fences, store.Fence{
				ID: uuid.NewSHA1(brandID, []byte("fence/"+name)), ExternalID: name, StoreID: s.ID, Purpose: f.purpose,
				Circle: &geo.Circle{Center_: s.Place, Radius: f.radius},
			})
		}
	}
	return c
}

// places are where the stores stand.
func (c *city) places() []geo.Point {
	places := make([]geo.Point, len(c.stores))
	for i := range c.stores {
		places[i] = c.stores[i].Place
	}
	return places
}
