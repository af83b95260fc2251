# Figure 'axes'. Draw it again: gnuplot -d axes.gp
data = 'axes.tsv'
x_label = "epoch"
title = ""
y0 = "effective rank,"."\n"."mean of 11 datasets of the paper"
y2_label = "new accuracy (%)"
t0 = ""
l0 = "effective rank"
l1 = "new"

do for [format in 'pdf svg png tex'] {
    if (format eq 'pdf') {
        set terminal pdfcairo noenhanced size 12.00cm,6.18cm font "Latin Modern Roman,8" fontscale 0.75 linewidth 1.3
    }
    if (format eq 'svg') {
        set terminal svg noenhanced size 454,234 font "Latin Modern Roman,8" fontscale 1.33
    }
    if (format eq 'png') {
        set terminal pngcairo noenhanced size 1417,730 font "Latin Modern Roman,8" fontscale 3.1 linewidth 3 pointscale 3
    }
    if (format eq 'tex') {
        set terminal cairolatex pdf colortext header '\fontsize{7}{8.4}\selectfont' size 12.00cm,6.18cm fontscale 0.75 linewidth 1.3
        x_label = "epoch"
        title = ""
        y0 = "effective rank,"."\n"."mean of 11 datasets of the paper"
        y2_label = "new accuracy (\134%)"
        t0 = ""
        l0 = "effective rank"
        l1 = "new"
    }
    set output 'axes'.(format eq 'tex' ? '-tex.' : '.').format
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

    set lmargin at screen 0.1317; set rmargin at screen 0.8942
    set bmargin at screen 0.2314; set tmargin at screen 0.9757
    set title t0
    set ylabel y0 offset 0,0 font ',8'
    set xlabel x_label offset 0,0.6 font ',8'
    set xrange [0.82:4.18]
    set xtics (1, 2, 4)
    set yrange [68.29:72.21]
    set ytics 1
    set border 11; set ytics textcolor rgb '#0072B2'; set y2tics nomirror offset -0.8,0 textcolor rgb '#D55E00'
    set ylabel textcolor rgb '#0072B2'
    set y2label y2_label offset -1.6,0 font ',8' textcolor rgb '#D55E00'
    set y2range [68.38:70.62]
    set y2tics 0.5
    plot data index 0 using 1:($2-$3):($2+$3) with filledcurves lt 1 fs transparent solid 0.15 noborder, \
         data index 0 using 1:2 with lines lt 1 dt 1 lw 1.4, \
         data index 0 using 1:($4<$5?NaN:$2) with points lt 1 ps 0.5, \
         data index 0 using 1:($4<$5?$2:NaN) with points lt 1 lc rgb 'white' ps 0.5, \
         data index 0 using 1:($4<$5?$2:NaN) with points lt 1 pt 6 ps 0.5, \
         data index 1 using 1:2:3 axes x1y2 with yerrorbars lt 2 pt 0 lw 0.8, \
         data index 1 using 1:2 axes x1y2 with lines lt 2 dt 2 lw 1.4, \
         data index 1 using 1:($4<$5?NaN:$2) axes x1y2 with points lt 2 ps 0.5, \
         data index 1 using 1:($4<$5?$2:NaN) axes x1y2 with points lt 2 lc rgb 'white' ps 0.5, \
         data index 1 using 1:($4<$5?$2:NaN) axes x1y2 with points lt 2 pt 4 ps 0.5

    # the legend: each label once, below all panels
    unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset title
    unset y2tics; unset y2label
    unset logscale; unset label
    set lmargin at screen 0; set rmargin at screen 1
    set bmargin at screen 0; set tmargin at screen 0.0777
    set key center center horizontal maxcols 3 Left reverse samplen 2 width 1
    plot [0:1] [0:1] NaN notitle, \
         keyentry with linespoints lt 1 dt 1 lw 1.4 ps 0.5 title l0, \
         keyentry with linespoints lt 2 dt 2 lw 1.4 ps 0.5 title l1, \
         keyentry with points lt 9 pt 6 ps 0.5 title 'seeds missing'
    unset multiplot
    unset output
    reset
}
