package yahoo

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// crumb is a token bound to a cookie in the client's jar. The zero value means no crumb, and Yahoo's chart endpoint
// normally needs none. number tells one crumb from the next.
type crumb struct {
	value  string
	number int
}

// crumb returns the current crumb, waiting while another call renews it.
func (c *client) crumb(ctx context.Context) (crumb, error) {
	select {
	case held := <-c.crumbs:
		c.crumbs <- held
		return held, nil
	case <-ctx.Done():
		return crumb{}, etf.Wrap(etf.KindUnavailable, ctx.Err(), "gave up waiting for Yahoo's crumb")
	}
}

// renew replaces the refused crumb. Calls refused at the same time share one renewal.
func (c *client) renew(ctx context.Context, refused crumb) (crumb, error) {
	var held crumb
	select {
	case held = <-c.crumbs:
	case <-ctx.Done():
		return held, etf.Wrap(etf.KindUnavailable, ctx.Err(), "gave up waiting to renew Yahoo's crumb")
	}
	if held.number != refused.number {
		c.crumbs <- held
		return held, nil
	}
	value, err := c.newCrumb(ctx)
	if err == nil {
		held = crumb{value: value, number: held.number + 1}
	}
	c.crumbs <- held
	return held, err
}

func (c *client) newCrumb(ctx context.Context) (string, error) {
	// The cookie comes with any status and body; only the jar matters.
	if _, err := c.get(ctx, c.cookieURL, ""); err != nil && ctx.Err() != nil {
		return "", err
	}
	got, err := c.get(ctx, c.bases[0]+"/v1/test/getcrumb", "")
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(got.body))
	switch {
	case got.status == http.StatusTooManyRequests, strings.Contains(strings.ToLower(summary(got.body)), "too many requests"):
		return "", limited(got)
	case got.status >= 500:
		return "", status(got, "no crumb")
	case got.status != http.StatusOK, value == "", len(value) > 64, strings.ContainsAny(value, "<>{} \r\n\t"):
		return "", &etf.Error{Kind: etf.KindDenied, Message: "Yahoo gave no crumb", Err: fmt.Errorf("status %d %q", got.status, summary(got.body)),
			Remedy: deniedRemedy}
	}
	return value, nil
}
