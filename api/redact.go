package api

import (
	"path"
	"regexp"
	"strings"
)

// Texts of errors that workers have recorded may name what only operators should see; the workers' logs have it.
var (
	accountInText = regexp.MustCompile(`'[^'\s]*'@'[^'\s]*'`)
	addressInText = regexp.MustCompile(`\b(tcp|udp|unix|lookup) \S+( on \S+)?`)
	fileInText    = regexp.MustCompile(`(^|[\s"'(=\x60])(/[^\s"'(),;:\x60]+)`)
)

// redacted returns the text without database accounts, network addresses and folders of the server; of a file only the
// name stays.
func redacted(text string) string {
	text = accountInText.ReplaceAllString(text, "the user")
	text = addressInText.ReplaceAllString(text, "$1")
	return fileInText.ReplaceAllStringFunc(text, func(match string) string {
		at := strings.IndexByte(match, '/')
		file := match[at:]
		if strings.HasPrefix(file, "/v1/") || file == "/readyz" || strings.HasPrefix(file, "//") {
			return match
		}
		return match[:at] + path.Base(file)
	})
}
