# Figure 'equal-h'. Draw it again: gnuplot -d equal-h.gp
data = 'equal-h.tsv'
x_label = "base accuracy (%)"
title = ""
y0 = "new accuracy (%)"
t0 = ""
n0_0 = "RLP, rank 1"
n0_1 = "RLP, rank 2"
l0 = "ours"

do for [format in 'pdf svg png'] {
    if (format eq 'pdf') {
        set terminal pdfcairo noenhanced size 8.50cm,5.98cm font "Helvetica,8" fontscale 0.75 linewidth 1.3
    }
    if (format eq 'svg') {
        set terminal svg noenhanced size 321,226 font "Helvetica,8" fontscale 1.33
    }
    if (format eq 'png') {
        set terminal pngcairo noenhanced size 1004,707 font "Helvetica,8" fontscale 3.1 linewidth 3 pointscale 3
    }
    set output 'equal-h.'.format
    set multiplot
    set linetype 1 lc rgb '#0072B2' pt 7
    set linetype 2 lc rgb '#D55E00' pt 5
    set linetype 3 lc rgb '#009E73' pt 9
    set linetype 4 lc rgb '#CC79A7' pt 13
    set linetype 5 lc rgb '#56B4E9' pt 7
    set linetype 6 lc rgb '#E69F00' pt 11
    set linetype 7 lc rgb '#000000' pt 5
    set linetype 8 lc rgb '#882255' pt 9
    set linetype 9 lc rgb '#777777' pt 7
    set encoding utf8
    set datafile separator tab
    set border 3 lw 0.6 lc rgb '#444444'
    set tics nomirror out scale 0.5 font ',7' textcolor rgb '#444444'
    set grid ytics lt 1 lw 0.4 lc rgb '#dddddd'
    set title offset 0,-0.7 font ',8'
    set format '%h'
    set xtics offset 0,0.4
    set ytics offset 0.5,0
    set key font ',7'
    unset key

    set lmargin at screen 0.1412; set rmargin at screen 0.9118
    set bmargin at screen 0.2391; set tmargin at screen 0.9749
    set title t0
    set ylabel y0 offset 1.2,0 font ',8'
    set xlabel x_label offset 0,0.6 font ',8'
    set xrange [464.1:1086.9]; set yrange [76.3:78.7]
    set ytics 0.5; set grid xtics ytics lt 1 lw 0.4 lc rgb '#eeeeee'
    set xtics 200
    set label 10 n0_0 at first 516,77 left font ',6' offset 0.70,-0.47
    set label 11 n0_1 at first 1032,78 right font ',6' offset -0.88,0.89
    set label 900 'H 145' at first 1086.9,77.6816 left font ',5.5' textcolor rgb '#999999' offset 0.2,0
    plot 132.5*x/(2*x-132.5) with lines lc rgb '#cccccc' lw 0.6, \
        135*x/(2*x-135) with lines lc rgb '#cccccc' lw 0.6, \
        137.5*x/(2*x-137.5) with lines lc rgb '#cccccc' lw 0.6, \
        140*x/(2*x-140) with lines lc rgb '#cccccc' lw 0.6, \
        142.5*x/(2*x-142.5) with lines lc rgb '#cccccc' lw 0.6, \
        145*x/(2*x-145) with lines lc rgb '#cccccc' lw 0.6, \
         data index 0 using 1:2:4:3 with xyerrorbars lt 1 pt 0 lw 0.7, \
         data index 0 using 1:2 with lines lt 1 lw 0.8, \
         data index 0 using 1:($5<$6?NaN:$2) with points lt 1 pt 7 ps 0.6, \
         data index 0 using 1:($5<$6?$2:NaN) with points lt 1 pt 6 ps 0.6

    # the legend: each label once, below all panels
    unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset title
    unset logscale; unset label
    set lmargin at screen 0; set rmargin at screen 1
    set bmargin at screen 0; set tmargin at screen 0.0802
    set key center center horizontal maxcols 2 Left reverse samplen 2 width 1
    plot [0:1] [0:1] NaN notitle, \
         keyentry with points lt 1 pt 7 ps 0.6 title l0, \
         keyentry with points lt 9 pt 6 ps 0.6 title 'seeds missing'
    unset multiplot
    unset output
    reset
}
