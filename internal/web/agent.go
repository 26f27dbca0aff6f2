package web

import "strings"

// Agent is a short name of the browser, such as "Firefox Linux", for a person's own list of where he is signed in.
func Agent(r *Request) string {
	ua := r.UserAgent()
	pick := func(words ...[2]string) string {
		for _, w := range words {
			if strings.Contains(ua, w[0]) {
				return w[1]
			}
		}
		return ""
	}
	browser := pick([2]string{"Firefox/", "Firefox"}, [2]string{"Edg/", "Edge"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system := pick([2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"}, [2]string{"Android", "Android"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS X", "macOS"}, [2]string{"Linux", "Linux"})
	return strings.TrimSpace(browser + " " + system)
}
