package campaign

// Wording is what a reason means, in words. {key} stands for a value of the decision.
type Wording struct {
	Reason Reason
	// Why narrows the reason by its value "why"; empty: whatever that is.
	Why             string
	English, Korean string
}

// Wordings are the sentences of all reasons, as their gates stand: each reason's general one, then its narrower ones.
func Wordings() []Wording { return wordings }

var wordings = []Wording{
	{FilingMissing, "", "The brand's location filing does not allow taking positions now; record the filing.",
		"브랜드의 위치기반서비스 신고로는 지금 위치를 받을 수 없습니다. 신고 내용을 등록하세요."},
	{AgeUnknown, "", "It is not known that the person is old enough to be located.",
		"위치를 이용할 수 있는 나이인지 알 수 없습니다."},
	{GuardianMissing, "", "The person is under age, and no guardian has agreed.",
		"미성년 고객이며 보호자의 동의가 없습니다."},
	{LocationPaused, "", "The person has paused location.", "고객이 위치 사용을 일시 중지했습니다."},
	{LocationNotConsented, "", "The person has not agreed to the use of their location, or no longer does.",
		"고객이 위치 사용에 동의하지 않았거나 동의를 철회했습니다."},
	{SensitivePlace, "", "The phone was in a place marked as sensitive.", "민감한 장소로 지정된 곳이었습니다."},

	{NotFresh, "", "The position came too late to act on.", "위치가 너무 늦게 도착했습니다."},
	{NotFresh, "late", "The position came too late to act on; the phone was probably offline.",
		"위치가 너무 늦게 도착했습니다. 휴대폰이 오프라인이었을 수 있습니다."},
	{NotFresh, "deadline", "The deadline had passed at {deadline}.", "{deadline}에 유효 시간이 지났습니다."},
	{NotFresh, "time_unknown", "It is not known when the position came.", "위치가 언제 도착했는지 알 수 없습니다."},

	{BrandStopped, "", "The whole brand was stopped; resume it.", "브랜드 전체가 멈춰 있었습니다. 다시 시작하세요."},
	{CampaignNotLive, "", "The campaign was not live ({state}); activate it.", "캠페인이 진행 중이 아니었습니다({state}). 캠페인을 시작하세요."},
	{OutsideDates, "", "The day was outside the campaign's dates; it was {local_time} in {zone}.",
		"캠페인 기간이 아닌 날이었습니다. {zone} 시각으로 {local_time}이었습니다."},
	{OutsideHours, "", "The time was outside the campaign's weekly hours; it was {local_time} in {zone}.",
		"캠페인 운영 시간이 아니었습니다. {zone} 시각으로 {local_time}이었습니다."},
	{OutsideHours, "zone_unknown", "The store's time zone cannot be read, so its hours are unknown; correct it.",
		"매장의 시간대를 알 수 없어 운영 시간을 판단할 수 없습니다. 시간대를 고치세요."},
	{StoreClosed, "", "The store was closed, and the campaign runs only while it is open.",
		"매장 영업 시간이 아니었고, 이 캠페인은 영업 중에만 진행됩니다."},
	{StoreClosed, "state", "The store is switched off.", "매장이 비활성 상태였습니다."},
	{StoreClosed, "no_store", "The campaign runs only while the store is open, and this geofence has no store.",
		"이 캠페인은 영업 중에만 진행되는데, 이 지오펜스에는 매장이 없습니다."},
	{StoreClosed, "hours_unknown", "The campaign runs only while the store is open, and its hours are unknown; enter them.",
		"이 캠페인은 영업 중에만 진행되는데, 매장의 영업 시간을 알 수 없습니다. 영업 시간을 입력하세요."},
	{StoreClosed, "hours", "The store was closed, and the campaign runs only while it is open; it was {local_time} in {zone}.",
		"매장 영업 시간이 아니었고, 이 캠페인은 영업 중에만 진행됩니다. {zone} 시각으로 {local_time}이었습니다."},

	{Cooldown, "", "The person had this campaign less than {cooldown} before; free again at {free_at}.",
		"같은 캠페인의 알림을 받은 지 {cooldown}이 지나지 않았습니다. {free_at}부터 가능합니다."},
	{CapReached, "", "A cap of the {of} was full: {count} counted of {limit} ({scope}, {window}); free again at {free_at}.",
		"{of} 한도가 찼습니다: {limit}회 중 {count}회({scope}, {window}). {free_at}부터 가능합니다."},
	{MinimumGap, "", "Less than {gap} had passed since the last notification; free again at {free_at}.",
		"지난 알림과의 간격이 {gap}보다 짧습니다. {free_at}부터 가능합니다."},

	{PersonLimit, "", "The person has had all coupons of this offer they may have ({count} of {limit}).",
		"이 고객이 받을 수 있는 쿠폰을 모두 받았습니다({limit}장 중 {count}장)."},
	{StockGone, "", "No coupon was to be had.", "받을 수 있는 쿠폰이 없었습니다."},
	{StockGone, "none_left", "No coupon is left of {stock}; raise the offer's stock.", "쿠폰 {stock}장이 모두 나갔습니다. 혜택 수량을 늘리세요."},
	{StockGone, "offer_over", "The offer's time is over.", "혜택 기간이 끝났습니다."},
	{StockGone, "stock_unknown", "How many coupons are left could not be asked.", "남은 쿠폰 수량을 확인하지 못했습니다."},

	{AdNotConsented, "", "The person has not agreed to advertising by push.", "고객이 광고 푸시 수신에 동의하지 않았습니다."},
	{QuietHours, "", "It was night for the person ({zone}), who has not agreed to advertising at night; day begins at {until}.",
		"야간이었고({zone}) 고객이 야간 광고 수신에 동의하지 않았습니다. {until}부터 가능합니다."},
	{QuietHours, "hours_unknown", "The brand's quiet hours cannot be read; correct them.", "브랜드의 야간 시간 설정을 읽을 수 없습니다. 설정을 고치세요."},

	{Unreachable, "", "No notification could reach the phone.", "휴대폰에 알림을 보낼 수 없었습니다."},
	{Unreachable, "device_unknown", "The phone that reported no longer is this person's.", "위치를 보낸 기기가 더 이상 이 고객의 것이 아닙니다."},
	{Unreachable, "address_missing", "The app was not on the screen, and it has not told its push address.",
		"앱이 화면에 없었고, 앱이 푸시 주소를 알리지 않았습니다."},
	{Unreachable, "address_gone", "The push address holds no more; the app must tell a new one.",
		"푸시 주소가 더 이상 유효하지 않습니다. 앱이 새 주소를 알려야 합니다."},
	{Unreachable, "address_quarantined", "The push provider finds fault with the address; the app must tell a new one.",
		"푸시 제공자가 주소에 문제가 있다고 알렸습니다. 앱이 새 주소를 알려야 합니다."},
	{Unreachable, "os_push_refused", "The phone's system shows no notifications of this app.", "휴대폰 설정에서 이 앱의 알림이 꺼져 있습니다."},

	{TextRefused, "", "The text could not be made, or breaks a rule; preview the campaign.",
		"문구를 만들 수 없거나 규칙에 어긋납니다. 캠페인을 미리 보세요."},
	{TextRefused, "no_text", "There is no text in the person's or the brand's locale.", "고객 또는 브랜드 언어로 된 문구가 없습니다."},
	{TextRefused, "variable_missing", "The variable {variable} had no value here.", "변수 {variable}의 값이 없었습니다."},
	{TextRefused, "variable_unknown", "There is no variable {variable}.", "변수 {variable}은 없는 변수입니다."},
	{TextRefused, "sender_missing", "An advertisement needs the brand's sender name and contact; set both.",
		"광고에는 전송자의 명칭과 연락처가 필요합니다. 브랜드 설정에서 입력하세요."},
	{TextRefused, "label_look_alike", "The text begins with what passes for the advertising label; leave that to us.",
		"문구에 광고 표시와 비슷한 말이 있습니다. 광고 표시는 자동으로 붙습니다."},
	{TextRefused, "empty", "Nothing was left of the text.", "문구가 비어 있습니다."},
	{TextRefused, "no_room", "The text leaves no room for what the law asks for; shorten it.",
		"법에서 요구하는 표시를 넣을 자리가 없습니다. 문구를 줄이세요."},
	{TextRefused, "too_large", "The notification is too large for a push; shorten texts and links.",
		"알림이 푸시로 보내기에 너무 큽니다. 문구와 링크를 줄이세요."},

	{Outranked, "", "Another campaign stood first ({by}); raise this one's priority if it should win.",
		"다른 캠페인이 먼저였습니다({by}). 이 캠페인이 이겨야 한다면 우선순위를 높이세요."},
	{Won, "", "A notification was made.", "알림을 만들었습니다."},
}
