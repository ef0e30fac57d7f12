package demo

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// person is who a walker is: what kind of phone, and what was agreed to. Shares are per hundred people.
type person struct {
	ios        bool
	foreground bool // looks at the app
	locale     string
	located    bool // agreed to location use
	ads        bool // agreed to advertising by push
	night      bool // and to the same at night
	paused     bool // paused location after that
	deaf       bool // the app has no push address
	address    string
}

// deadPrefix begins the push addresses that the emulators say are of uninstalled apps.
const deadPrefix = "dead"

// newPerson invents the n-th person. Every second phone is an iPhone.
func newPerson(random *rand.Rand, n int) person {
	chance := func(percent int) bool { return random.IntN(100) < percent }
	p := person{
		ios: n%2 == 1, foreground: chance(15), locale: "ko", located: !chance(3), paused: chance(4), deaf: chance(3),
	}
	if chance(25) {
		p.locale = "en"
	}
	p.ads = chance(86)
	p.night = p.ads && chance(90)
	p.address = address(random, p.ios, chance(3))
	return p
}

// address invents a push address of the shape that the provider gives.
func address(random *rand.Rand, ios, dead bool) string {
	var text string
	if ios {
		token := make([]byte, 32)
		for i := range token {
			token[i] = byte(random.Uint32())
		}
		text = hex.EncodeToString(token)
	} else {
		text = letters(random, 22) + ":APA91b" + letters(random, 134)
	}
	if dead {
		return deadPrefix + text[len(deadPrefix):]
	}
	if strings.HasPrefix(text, deadPrefix) {
		return "f" + text[1:]
	}
	return text
}

func letters(random *rand.Rand, n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := make([]byte, n)
	for i := range text {
		text[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(text)
}
