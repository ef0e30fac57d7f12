package why

import (
	"fmt"
	"strings"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// words are what is printed around the sentences, in one language.
type words struct {
	gates     map[v1.Decision_Gate]string
	kinds     map[v1.Moment_Kind]string
	phases    [3]string // of gates 1 to 6, 7 to 11, 12 to 16
	standings map[v1.Circumstances_Standing]string
	addresses map[v1.Circumstances_DeviceStanding_Address]string
	consents  map[v1.Consent_State]string
	text      map[string]string
}

// wordsOf are Korean for Korean locales, else English.
func wordsOf(locale string) *words {
	if language, _, _ := strings.Cut(strings.ToLower(locale), "-"); language == "ko" {
		return &korean
	}
	return &english
}

func (w *words) say(key string, values ...any) string { return fmt.Sprintf(w.text[key], values...) }

var english = words{
	gates: map[v1.Decision_Gate]string{
		v1.Decision_FILING: "filing", v1.Decision_AGE: "age", v1.Decision_PAUSE: "pause", v1.Decision_LOCATION_CONSENT: "location consent",
		v1.Decision_LOCATION_RECORD: "record", v1.Decision_SENSITIVE_PLACE: "sensitive place", v1.Decision_FRESH: "fresh", v1.Decision_LIVE: "live",
		v1.Decision_AUDIENCE: "audience", v1.Decision_HOLDOUT: "holdout", v1.Decision_CAPS: "caps", v1.Decision_COUPON: "coupon",
		v1.Decision_AD_CONSENT: "ad consent", v1.Decision_QUIET_HOURS: "quiet hours", v1.Decision_REACH: "reach", v1.Decision_TEXT: "text",
	},
	kinds: map[v1.Moment_Kind]string{
		v1.Moment_ENTERED: "entered", v1.Moment_DWELLED: "dwelled at", v1.Moment_EXITED: "left", v1.Moment_APPROACHED: "approached",
		v1.Moment_STORE_SEARCHED: "searched for stores", v1.Moment_SEARCHED: "searched a keyword", v1.Moment_VIEWED: "viewed an item",
		v1.Moment_DID: "did something", v1.Moment_LINGERED: "lingered on an item", v1.Moment_BASKET_ADDED: "put in the basket",
		v1.Moment_BASKET_REMOVED: "took out of the basket", v1.Moment_BOUGHT: "bought", v1.Moment_FLASHED: "was near when a flash began",
		v1.Moment_SCHEDULED: "a planned sending", v1.Moment_DATED: "a date", v1.Moment_ABSENT: "was not heard of for days",
	},
	phases: [3]string{"position", "campaign", "sending"},
	standings: map[v1.Circumstances_Standing]string{
		v1.Circumstances_READY:       "Nothing in the person's record stands in the way.",
		v1.Circumstances_LEDGER_FULL: "The record of caps and coupons is full: nothing is decided until some of it is over.",
		v1.Circumstances_NEWER_STATE: "A newer release wrote the person's record, and this node cannot read it: upgrade it, or ask another.",
		v1.Circumstances_UNREADABLE:  "The person's record cannot be read: run wantgo doctor.",
		v1.Circumstances_HANDED_OVER: "The person logged in as another, who has everything now: ask about that one.",
		v1.Circumstances_ERASING:     "The person asked to be forgotten.",
	},
	addresses: map[v1.Circumstances_DeviceStanding_Address]string{
		v1.Circumstances_DeviceStanding_LIVE: "push address live", v1.Circumstances_DeviceStanding_MISSING: "no push address",
		v1.Circumstances_DeviceStanding_GONE: "push address gone", v1.Circumstances_DeviceStanding_QUARANTINED: "push address in quarantine",
		v1.Circumstances_DeviceStanding_OS_REFUSED: "notifications refused in the phone's settings",
	},
	consents: map[v1.Consent_State]string{v1.Consent_GRANTED: "yes", v1.Consent_WITHDRAWN: "no"},
	text: map[string]string{
		"person":    "Person %s: decisions found: %d, the latest first (times of %s).",
		"nothing":   "Nothing was decided about this person in that time.",
		"dropped":   "a place that is no longer kept",
		"free":      "a geofence without a store",
		"campaign":  "campaign %q",
		"gate":      "gate %d",
		"delivery":  "delivery to device %s by %s: %s%s after %d attempt(s)",
		"shown":     "shown %s",
		"opened":    "opened %s",
		"dismissed": "dismissed %s",
		"now":       "How things stand at %s:",
		"contact":   "Last contact: %s.",
		"silent":    "Nothing was ever heard of this person's phones.",
		"way":       "in the way: %s",
		"consents":  "as last told: %s",
		"consent":   "%s %s (%s)",
		"paused":    "Location has been paused since %s, until %s.",
		"forever":   "it is resumed",
		"device":    "device %s (%s): last contact %s, %s",
		"never":     "never",
		"change":    "; last change: %s (%s) on %s",
		"last":      "; last delivery %s%s",
		"pings":     "pings by hour:",
		"no pings":  "No ping came in the last 24 hours, as far as this node knows.",
		"near":      "campaigns near, and the first gate that refuses now:",
		"no near":   "No live campaign has a place near where the person was last heard of.",
		"passes":    "every gate would pass",
		"not near":  "not near",
		"refused":   "%s refuses the brand's credential: %s",
		"began":     "watching person %s on node %s",
		"ping":      "ping %s (%s, %s old, device %s)",
		"accuracy":  "%.0f m",
		"unknown":   "accuracy unknown",
		"late":      ", too late for a moment",
		"app":       ", app on the screen",
		"outcome":   "delivery of %s: %s%s",
		"receipt":   "notification %s: %s",
		"elsewhere": "another node wrote about this person: pings that come there are not heard here",
		"lost":      "%d lines were lost: they came faster than they were read",
		"at fence":  "geofence %s",
	},
}

var korean = words{
	gates: map[v1.Decision_Gate]string{
		v1.Decision_FILING: "신고", v1.Decision_AGE: "나이", v1.Decision_PAUSE: "일시 중지", v1.Decision_LOCATION_CONSENT: "위치 동의",
		v1.Decision_LOCATION_RECORD: "이용 기록", v1.Decision_SENSITIVE_PLACE: "민감한 장소", v1.Decision_FRESH: "신선도", v1.Decision_LIVE: "진행",
		v1.Decision_AUDIENCE: "대상", v1.Decision_HOLDOUT: "비교군", v1.Decision_CAPS: "피로도", v1.Decision_COUPON: "쿠폰",
		v1.Decision_AD_CONSENT: "광고 동의", v1.Decision_QUIET_HOURS: "야간", v1.Decision_REACH: "도달", v1.Decision_TEXT: "문구",
	},
	kinds: map[v1.Moment_Kind]string{
		v1.Moment_ENTERED: "진입", v1.Moment_DWELLED: "체류", v1.Moment_EXITED: "이탈", v1.Moment_APPROACHED: "접근",
		v1.Moment_STORE_SEARCHED: "매장 검색", v1.Moment_SEARCHED: "검색어", v1.Moment_VIEWED: "상품 조회", v1.Moment_DID: "이벤트",
		v1.Moment_LINGERED: "상품에 머묾", v1.Moment_BASKET_ADDED: "장바구니 담기", v1.Moment_BASKET_REMOVED: "장바구니 빼기", v1.Moment_BOUGHT: "구매",
		v1.Moment_FLASHED: "반짝 행사 때 근처", v1.Moment_SCHEDULED: "예약 발송", v1.Moment_DATED: "기념일", v1.Moment_ABSENT: "오랫동안 소식 없음",
	},
	phases: [3]string{"위치", "캠페인", "발송"},
	standings: map[v1.Circumstances_Standing]string{
		v1.Circumstances_READY:       "고객 기록에는 막는 것이 없습니다.",
		v1.Circumstances_LEDGER_FULL: "피로도와 쿠폰 기록이 가득 차서, 일부가 지나갈 때까지 아무것도 판정하지 않습니다.",
		v1.Circumstances_NEWER_STATE: "더 새로운 버전이 쓴 기록이라 이 노드는 읽을 수 없습니다. 업그레이드하거나 다른 노드에 물어보세요.",
		v1.Circumstances_UNREADABLE:  "고객 기록을 읽을 수 없습니다. wantgo doctor를 실행하세요.",
		v1.Circumstances_HANDED_OVER: "이 고객은 다른 고객으로 로그인했고, 모든 것이 그 고객에게 있습니다. 그 고객을 조회하세요.",
		v1.Circumstances_ERASING:     "고객이 삭제를 요청했습니다.",
	},
	addresses: map[v1.Circumstances_DeviceStanding_Address]string{
		v1.Circumstances_DeviceStanding_LIVE: "푸시 주소 유효", v1.Circumstances_DeviceStanding_MISSING: "푸시 주소 없음",
		v1.Circumstances_DeviceStanding_GONE: "푸시 주소 소멸", v1.Circumstances_DeviceStanding_QUARANTINED: "푸시 주소 격리",
		v1.Circumstances_DeviceStanding_OS_REFUSED: "휴대폰 설정에서 알림 거부",
	},
	consents: map[v1.Consent_State]string{v1.Consent_GRANTED: "예", v1.Consent_WITHDRAWN: "아니요"},
	text: map[string]string{
		"person":    "고객 %s: 판정 %d건, 최근 것부터 (시각은 %s).",
		"nothing":   "그 기간에 이 고객에 대한 판정이 없습니다.",
		"dropped":   "더 이상 보관하지 않는 장소",
		"free":      "매장이 없는 지오펜스",
		"campaign":  "캠페인 %q",
		"gate":      "관문 %d",
		"delivery":  "기기 %s (%s)로 발송: %s%s, 시도 %d회",
		"shown":     "표시 %s",
		"opened":    "열람 %s",
		"dismissed": "닫음 %s",
		"now":       "%s 현재 상태:",
		"contact":   "마지막 연락: %s.",
		"silent":    "이 고객의 기기에서 연락이 온 적이 없습니다.",
		"way":       "막는 것: %s",
		"consents":  "마지막으로 알려진 동의와 권한: %s",
		"consent":   "%s %s (%s)",
		"paused":    "위치 사용이 %s부터 %s까지 일시 중지되어 있습니다.",
		"forever":   "다시 시작할 때",
		"device":    "기기 %s (%s): 마지막 연락 %s, %s",
		"never":     "없음",
		"change":    "; 마지막 변경: %s (%s) %s",
		"last":      "; 마지막 발송 %s%s",
		"pings":     "시간별 위치 보고:",
		"no pings":  "이 노드가 아는 한 지난 24시간 동안 위치 보고가 없었습니다.",
		"near":      "근처의 캠페인과 지금 막는 첫 관문:",
		"no near":   "마지막으로 알려진 곳 근처에 진행 중인 캠페인이 없습니다.",
		"passes":    "모든 관문을 통과합니다",
		"not near":  "근처 아님",
		"refused":   "%s에서 브랜드의 자격 증명을 거부합니다: %s",
		"began":     "고객 %s 지켜보기 시작 (노드 %s)",
		"ping":      "위치 %s (%s, %s 전, 기기 %s)",
		"accuracy":  "정확도 %.0f m",
		"unknown":   "정확도 모름",
		"late":      ", 순간이 되기에는 늦음",
		"app":       ", 앱이 화면에 있음",
		"outcome":   "알림 %s 발송: %s%s",
		"receipt":   "알림 %s: %s",
		"elsewhere": "다른 노드가 이 고객을 기록했습니다. 그 노드로 온 위치는 여기서 들리지 않습니다",
		"lost":      "읽는 것보다 빨리 와서 %d줄을 놓쳤습니다",
		"at fence":  "지오펜스 %s",
	},
}
