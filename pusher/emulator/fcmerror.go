package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
)

var canonical = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
	413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}

const typePrefix = "type.googleapis.com/"

// errorBody is the body of a refusal in the shape asked for.
func errorBody(o Outcome) (contentType string, body []byte) {
	shape := o.Shape
	if shape == "" && o.Code != "" {
		shape = FcmError
	}
	switch shape {
	case Empty:
		return "", nil
	case HTML:
		page := "<!DOCTYPE html>\n<html lang=en>\n  <title>Error %d (%s)!!1</title>\n  <p><b>%d.</b> <ins>That’s an error.</ins>\n"
		return "text/html; charset=UTF-8", fmt.Appendf(nil, page, o.Status, http.StatusText(o.Status), o.Status)
	}
	status := canonical[o.Status]
	if status == "" {
		status = "UNKNOWN"
	}
	failure := map[string]any{"code": o.Status, "message": "refused by the emulator: " + o.name(), "status": status}
	if details := details(shape, o); len(details) > 0 {
		failure["details"] = details
	}
	body, err := json.MarshalIndent(map[string]any{"error": failure}, "", "  ")
	if err != nil {
		panic(err) // maps of strings and numbers always marshal
	}
	return "application/json; charset=UTF-8", body
}

func details(shape Shape, o Outcome) []map[string]any {
	var list []map[string]any
	if o.Code != "" && (shape == FcmError || shape == Quota) {
		list = append(list, map[string]any{"@type": typePrefix + "google.firebase.fcm.v1.FcmError", "errorCode": o.Code})
	}
	switch {
	case shape == BadRequest, shape == FcmError && o.Field != "":
		list = append(list, map[string]any{
			"@type":           typePrefix + "google.rpc.BadRequest",
			"fieldViolations": []map[string]string{{"field": o.Field, "description": "Invalid value"}},
		})
	case shape == Quota:
		list = append(list, map[string]any{
			"@type":      typePrefix + "google.rpc.QuotaFailure",
			"violations": []map[string]string{{"subject": o.Field, "description": "Message rate exceeded"}},
		})
	case shape == RateLimit:
		list = append(list, map[string]any{
			"@type": typePrefix + "google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com",
			"metadata": map[string]string{
				"quota_limit":  "SendsPerMinutePerProject",
				"quota_metric": "fcm.googleapis.com/send_requests",
				"service":      "fcm.googleapis.com",
			},
		})
	}
	return list
}
