package campaign

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/store"
)

// noon is a Wednesday, 12:00 in Seoul.
var noon = time.Date(2026, 5, 13, 3, 0, 0, 0, time.UTC)

// id makes ids that are told apart at a glance.
func id(n uint64) uuid.UUID {
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[8:], n)
	u[6], u[8] = 0x70, 0x80
	return u
}

// ids counts up from a base.
func ids(base uint64) func() uuid.UUID {
	return func() uuid.UUID { base++; return id(base) }
}

// shelf is a stock held in memory: -1 is a pool that nobody asked yet.
type shelf struct {
	left  map[uuid.UUID]int
	taken int
	// emptied makes Take say none is left though Peek saw one.
	emptied bool
}

func (s *shelf) Peek(offer uuid.UUID) (ok, known bool) {
	n, known := s.left[offer]
	return n > 0, known && n >= 0
}

func (s *shelf) Take(offer uuid.UUID) (uuid.UUID, bool, bool) {
	ok, known := s.Peek(offer)
	if !ok || s.emptied {
		return uuid.Nil, false, known
	}
	s.left[offer]--
	s.taken++
	return id(777), true, true
}

func koreanBrand() *brand.Brand {
	return &brand.Brand{ID: id(1), Name: "카페온", Settings: brand.Settings{
		Jurisdiction: Korea, TimeZone: "Asia/Seoul", Locale: "ko", SenderName: "카페온", SenderContact: "1588-0000",
		QuietCloseMargin: 10 * time.Minute, QuietOpenMargin: time.Minute, LongestCapWindow: 30 * 24 * time.Hour,
	}}
}

func cafe() *store.Store {
	return &store.Store{
		ID: id(20), ExternalID: "s-1", Names: map[string]string{"": "온 카페", "ko": "카페온 시청점", "en": "Cafe On City Hall"},
		TimeZone: "Asia/Seoul", Tags: []string{"cafe", "center"},
	}
}

func wall(purpose store.Purpose) *store.Fence {
	return &store.Fence{ID: id(30), StoreID: id(20), Purpose: purpose}
}

func latte() *Campaign {
	return &Campaign{
		ID: id(40), Name: "Latte", State: Live, Category: Ad,
		Trigger: Trigger{Kinds: []Kind{Entered}, Purposes: []store.Purpose{store.Visit, store.Near}},
		Offer: &Offer{
			ID: id(50), Titles: map[string]string{"ko": "라떼 30% 쿠폰", "en": "30% off any latte"}, PerPerson: 1, Validity: 2 * time.Hour,
		},
		Texts: map[string]Text{
			"ko": {Title: "오늘만 {offer}", Body: "{store}에서 {expires}까지. 코드 {coupon_code}"},
			"en": {Title: "Today: {offer}", Body: "At {store} until {expires}. Code {coupon_code}"},
		},
		DeepLink: "cafeon://coupons",
	}
}

func phone() audience.Device {
	return audience.Device{
		ID: id(60), PersonID: id(2), Platform: "android", AddressState: "live",
		Address: &pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "t-1"},
	}
}

func entering() *Moment {
	return &Moment{
		ID: id(70), Kind: Entered, Fence: wall(store.Near), Store: cafe(), DeviceID: id(60),
		At: noon.Add(-2 * time.Second), Received: noon, Distance: 12,
	}
}

func consents(purposes ...audience.Purpose) map[audience.Purpose]audience.Standing {
	m := map[audience.Purpose]audience.Standing{}
	for _, p := range purposes {
		m[p] = audience.Standing{Granted: true}
	}
	return m
}

func view() *View {
	seoul := zone("Asia/Seoul")
	return &View{
		Brand: koreanBrand(), PersonID: id(2),
		Profile: &audience.Profile{Locale: "ko-KR", TimeZone: "Asia/Seoul", Consents: consents(audience.AdPush)},
		Devices: []audience.Device{phone()},
		History: cap.History{Location: seoul},
		Issued:  map[uuid.UUID]int{},
		Now:     noon,
		Stock:   &shelf{left: map[uuid.UUID]int{}},
		NewID:   ids(1000),
		NewCode: func() string { return "7K3M9QXR2TVW" },
	}
}

// settings is a shorthand for tests of texts.
func settings(jurisdiction string) *brand.Settings {
	s := koreanBrand().Settings
	s.Jurisdiction = jurisdiction
	return &s
}
