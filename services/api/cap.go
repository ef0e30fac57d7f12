package api

import (
	"fmt"

	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher/cap"
)

var scopes = map[v1.Cap_Scope]cap.Scope{
	v1.Cap_BRAND: cap.Brand, v1.Cap_CAMPAIGN: cap.Campaign, v1.Cap_STORE: cap.Store, v1.Cap_TAG: cap.Tag, v1.Cap_CHANNEL: cap.Channel,
}

var calendars = map[v1.Cap_Calendar]cap.Calendar{v1.Cap_DAY: cap.Day, v1.Cap_WEEK: cap.Week, v1.Cap_MONTH: cap.Month}

// capsFrom reads caps; what they may be, the domain says.
func capsFrom(given []*v1.Cap, field string, fs *faults) []cap.Cap {
	var caps []cap.Cap
	for i, g := range given {
		c := cap.Cap{Scope: scopes[g.GetScope()], Limit: int(g.GetLimit())}
		c.Window = cap.Window{Rolling: duration(g.GetRolling(), 0), Calendar: calendars[g.GetCalendar()]}
		at := fmt.Sprintf("%s[%d]", field, i)
		switch g.GetScope() {
		case v1.Cap_TAG:
			c.Key = g.GetTag()
		case v1.Cap_CHANNEL:
			c.Key = g.GetChannel()
		}
		if g.GetTag() != "" && g.GetScope() != v1.Cap_TAG {
			fs.add(at+".tag", v1.ErrorReason_INVALID_FIELD, "only for the scope TAG")
		}
		if g.GetChannel() != "" && g.GetScope() != v1.Cap_CHANNEL {
			fs.add(at+".channel", v1.ErrorReason_INVALID_FIELD, "only for the scope CHANNEL")
		}
		caps = append(caps, c)
	}
	return caps
}

func capsTo(caps []cap.Cap) []*v1.Cap {
	var given []*v1.Cap
	for _, c := range caps {
		g := &v1.Cap{Scope: keyOf(scopes, c.Scope), Limit: int32(c.Limit)}
		switch c.Scope {
		case cap.Tag:
			g.Tag = c.Key
		case cap.Channel:
			g.Channel = c.Key
		}
		if c.Window.Calendar != 0 {
			g.Window = &v1.Cap_Calendar_{Calendar: keyOf(calendars, c.Window.Calendar)}
		} else {
			g.Window = &v1.Cap_Rolling{Rolling: durationpb.New(c.Window.Rolling)}
		}
		given = append(given, g)
	}
	return given
}

// keyOf is the key of a value in a small table; the zero key for an unknown one.
func keyOf[K, V comparable](table map[K]V, value V) (key K) {
	for k, v := range table {
		if v == value {
			return k
		}
	}
	return key
}
