package draw

var garden []Drawing
