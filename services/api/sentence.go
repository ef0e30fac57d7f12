package api

import (
	"strings"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// said is a reason in words: what it was, and what to do about it. {key} stands for a value.
type said struct{ en, ko string }

var sentences = map[v1.DecisionReason_Code]said{
	v1.DecisionReason_WON:                         {"A notification was made.", "알림을 만들었습니다."},
	v1.DecisionReason_OUTRANKED:                   {"Another campaign stood first; raise this one's priority if it should win.", "다른 캠페인이 먼저였습니다. 이 캠페인이 이겨야 한다면 우선순위를 높이세요."},
	v1.DecisionReason_PING_LATE:                   {"The position came too late to act on; the phone was probably offline.", "위치가 너무 늦게 도착했습니다. 휴대폰이 오프라인이었을 수 있습니다."},
	v1.DecisionReason_CAMPAIGN_NOT_LIVE:           {"The campaign was not live; activate it.", "캠페인이 진행 중이 아니었습니다. 캠페인을 시작하세요."},
	v1.DecisionReason_BEFORE_START:                {"The campaign had not begun; look at its start date.", "캠페인이 아직 시작되지 않았습니다. 시작일을 확인하세요."},
	v1.DecisionReason_AFTER_END:                   {"The day was outside the campaign's dates; look at its schedule.", "캠페인 기간이 아닌 날이었습니다. 일정을 확인하세요."},
	v1.DecisionReason_OUTSIDE_HOURS:               {"The time was outside the campaign's weekly hours, in the store's zone.", "매장 시간대로 캠페인 운영 시간이 아니었습니다."},
	v1.DecisionReason_STORE_CLOSED:                {"The store was closed, and the campaign runs only while it is open.", "매장 영업 시간이 아니었고, 이 캠페인은 영업 중에만 진행됩니다."},
	v1.DecisionReason_BRAND_STOPPED:               {"The whole brand was stopped; resume it.", "브랜드 전체가 멈춰 있었습니다. 다시 시작하세요."},
	v1.DecisionReason_STORE_INACTIVE:              {"The store is switched off.", "매장이 비활성 상태였습니다."},
	v1.DecisionReason_AUDIENCE_NOT_MATCHED:        {"The person is not in the campaign's audience.", "캠페인 대상 고객이 아니었습니다."},
	v1.DecisionReason_VISIT_HISTORY_NOT_CONSENTED: {"The audience asks for visit history, which this person does not let us keep.", "대상 조건에 방문 이력이 필요하지만 고객이 보관에 동의하지 않았습니다."},
	v1.DecisionReason_AUDIENCE_INPUT_MISSING:      {"The audience asks for something unknown about this person.", "대상 조건에 필요한 고객 정보가 없습니다."},
	v1.DecisionReason_HELD_OUT:                    {"The person is in the group held out for comparison.", "비교를 위해 제외된 그룹의 고객입니다."},
	v1.DecisionReason_COOLDOWN:                    {"The same campaign was too recent; free again at {free_at}.", "같은 캠페인의 알림이 최근에 있었습니다. {free_at}부터 가능합니다."},
	v1.DecisionReason_CAP_REACHED:                 {"The {scope} cap of {limit} is full; free again at {free_at}.", "{scope} 한도 {limit}회가 찼습니다. {free_at}부터 가능합니다."},
	v1.DecisionReason_MINIMUM_GAP:                 {"Too soon after another notification; free again at {free_at}.", "다른 알림과의 간격이 너무 짧습니다. {free_at}부터 가능합니다."},
	v1.DecisionReason_PERSON_LIMIT:                {"The person's own limit is full.", "고객이 정한 한도가 찼습니다."},
	v1.DecisionReason_STOCK_EXHAUSTED:             {"No coupon is left; raise the offer's stock.", "남은 쿠폰이 없습니다. 혜택 수량을 늘리세요."},
	v1.DecisionReason_PERSON_COUPON_LIMIT:         {"This person has had all the coupons they may have ({limit}).", "이 고객이 받을 수 있는 쿠폰 {limit}장을 모두 받았습니다."},
	v1.DecisionReason_OFFER_OVER:                  {"The offer's time is over.", "혜택 기간이 끝났습니다."},
	v1.DecisionReason_STOCK_UNAVAILABLE:           {"The stock could not be asked in time.", "제때 쿠폰 수량을 확인하지 못했습니다."},
	v1.DecisionReason_AD_CONSENT_MISSING:          {"The person has not agreed to advertising by push.", "고객이 광고 푸시 수신에 동의하지 않았습니다."},
	v1.DecisionReason_QUIET_HOURS:                 {"It was night, and the person has not agreed to advertising at night; free again at {until}.", "야간이었고 고객이 야간 광고 수신에 동의하지 않았습니다. {until}부터 가능합니다."},
	v1.DecisionReason_NO_PUSH_ADDRESS:             {"The app was not on the screen and no device can be reached; has the app told its push address?", "앱이 화면에 없었고 알림을 받을 기기가 없습니다. 앱이 푸시 주소를 알렸는지 확인하세요."},
	v1.DecisionReason_PUSH_ADDRESS_DROPPED:        {"The provider refused the push address for good; the app must tell a new one.", "푸시 주소가 더 이상 유효하지 않습니다. 앱이 새 주소를 알려야 합니다."},
	v1.DecisionReason_OS_PUSH_DENIED:              {"The phone's system shows no notifications of this app.", "휴대폰 설정에서 이 앱의 알림이 꺼져 있습니다."},
	v1.DecisionReason_CREDENTIAL_MISSING:          {"The brand has no working credential for the push provider; upload one.", "푸시 제공자 인증 정보가 없습니다. 인증 정보를 올리세요."},
	v1.DecisionReason_TEXT_LOCALE_MISSING:         {"There is no text in the person's or the brand's locale.", "고객 또는 브랜드 언어로 된 문구가 없습니다."},
	v1.DecisionReason_TEXT_VARIABLE_MISSING:       {"The variable {variable} had no value.", "변수 {variable}의 값이 없었습니다."},
	v1.DecisionReason_TEXT_REFUSED:                {"The rendered text breaks a rule ({why}); preview the campaign.", "만들어진 문구가 규칙에 어긋납니다({why}). 캠페인을 미리 보세요."},
	v1.DecisionReason_SENDER_MISSING:              {"An advertisement needs the brand's sender name and contact; set both.", "광고에는 전송자의 명칭과 연락처가 필요합니다. 브랜드 설정에서 입력하세요."},
	v1.DecisionReason_DEADLINE_PASSED:             {"The deadline passed before it could go out.", "보내기 전에 유효 시간이 지났습니다."},
	v1.DecisionReason_PAUSED:                      {"The person has paused location.", "고객이 위치 사용을 일시 중지했습니다."},
	v1.DecisionReason_LOCATION_CONSENT_WITHDRAWN:  {"The person's consent to location use is gone.", "고객의 위치 사용 동의가 없습니다."},
	v1.DecisionReason_PERSON_MOVED:                {"A login moved the person to another record.", "로그인으로 고객이 다른 기록으로 옮겨졌습니다."},
	v1.DecisionReason_PERSON_ERASING:              {"The person is being erased.", "고객 정보를 삭제하는 중입니다."},
	v1.DecisionReason_SHOWN_IN_APP:                {"No push was needed: the app had shown it.", "앱에서 이미 보여 주어 푸시가 필요하지 않았습니다."},
}

// sentence says a reason for people, in Korean or English. What a value is missing for is left out up to the clause before
// it; a reason without a sentence is its code.
func sentence(code v1.DecisionReason_Code, locale, reason string, values map[string]string) string {
	s, ok := sentences[code]
	if !ok {
		return reason
	}
	text := s.en
	if language, _, _ := strings.Cut(locale, "-"); strings.EqualFold(language, "ko") {
		text = s.ko
	}
	for key, value := range values {
		text = strings.ReplaceAll(text, "{"+key+"}", value)
	}
	return withoutGaps(text)
}

// withoutGaps drops the clauses that name a value which is not there.
func withoutGaps(text string) string {
	for strings.Contains(text, "{") {
		at := strings.Index(text, "{")
		start := max(strings.LastIndexAny(text[:at], ";."), 0)
		end := strings.IndexAny(text[at:], ";.")
		if start == 0 || end < 0 {
			open, shut := at, strings.Index(text[at:], "}")
			if shut < 0 {
				return text
			}
			text = strings.Join(strings.Fields(text[:open]+text[open+shut+1:]), " ")
			continue
		}
		tail := text[at+end:]
		if text[start] == '.' {
			tail = strings.TrimPrefix(tail, ".")
			start++
		}
		text = text[:start] + tail
	}
	return text
}
