package api

import (
	"mime"
	"strconv"
	"strings"
)

// negotiate picks the offered media type that the Accept header prefers; ties go to the first offer. An empty header
// accepts everything. ok is false if the header excludes every offer. Parameters other than q are ignored.
func negotiate(accept string, offers ...string) (chosen string, ok bool) {
	if strings.TrimSpace(accept) == "" {
		return offers[0], true
	}
	best := 0.0
	for _, offer := range offers {
		if q := quality(accept, offer); q > best {
			chosen, best = offer, q
		}
	}
	return chosen, best > 0
}

// quality is the q of the most specific range in the header that matches the media type, 0 if none does.
func quality(accept, offer string) float64 {
	kind, _, _ := strings.Cut(offer, "/")
	q, specific := 0.0, 0
	for part := range strings.SplitSeq(accept, ",") {
		mediaRange, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		rank := 0
		switch mediaRange {
		case offer:
			rank = 3
		case kind + "/*":
			rank = 2
		case "*/*":
			rank = 1
		}
		if rank <= specific {
			continue
		}
		weight := 1.0
		if text, given := params["q"]; given {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || !(v >= 0 && v <= 1) {
				continue
			}
			weight = v
		}
		q, specific = weight, rank
	}
	return q
}

// current reports whether an If-None-Match header names the ETag, by weak comparison.
func current(ifNoneMatch *string, etag string) bool {
	if ifNoneMatch == nil {
		return false
	}
	if strings.TrimSpace(*ifNoneMatch) == "*" {
		return true
	}
	// Our ETags contain no comma, so splitting can't cut one in two.
	for one := range strings.SplitSeq(*ifNoneMatch, ",") {
		if strings.TrimPrefix(strings.TrimSpace(one), "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}
