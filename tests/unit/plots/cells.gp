# Figure 'cells'. Draw it again: gnuplot -d cells.gp
data = 'cells.tsv'
x_label = "predicted class"
title = ""
y0 = "true class"
scale = "share (%)"
t0 = "RLP"
c0_0 = "annual_crop_land …"
c0_1 = "forest"
r0_0 = "annual_crop_land …"
r0_1 = "forest"
t1 = "none"

do for [format in 'pdf svg png'] {
    if (format eq 'pdf') {
        set terminal pdfcairo noenhanced size 17.50cm,6.60cm font "Helvetica,8" fontscale 0.75 linewidth 1.3
    }
    if (format eq 'svg') {
        set terminal svg noenhanced size 661,249 font "Helvetica,8" fontscale 1.33
    }
    if (format eq 'png') {
        set terminal pngcairo noenhanced size 2067,780 font "Helvetica,8" fontscale 3.1 linewidth 3 pointscale 3
    }
    set output 'cells.'.format
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

    set lmargin at screen 0.1914; set rmargin at screen 0.4829
    set bmargin at screen 0.6742; set tmargin at screen 0.9167
    set title t0
    set ylabel y0 offset 1.2,0 font ',8'
    set xlabel x_label offset 0,0.6 font ',8'
    set palette defined (0 '#f7fbff', 0.35 '#9ecae1', 0.7 '#3182bd', 1 '#08306b')
    set cbrange [10:90]; set cbtics 20 font ',7' offset 0,0.5 scale 0.3
    set cblabel scale font ',7' offset 0,0.9
    set colorbox horizontal user origin screen 0.3286,0.1091 size screen 0.3429,0.0242
    set border 0; unset grid
    unset xlabel; unset ylabel
    set label 2 x_label at screen 0.3371,0.2045 center font ',8'
    set label 3 y0 at screen 0.0171,0.7955 center rotate by 90 font ',8'
    set xrange [-0.5:1.5]; set yrange [1.5:-0.5]
    set xtics scale 0 rotate by 90 right offset 0,0.2 (c0_0 0, c0_1 1)
    set ytics scale 0 offset 0.8,0 (r0_0 0, r0_1 1)
    plot data index 0 using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 with boxxyerror fs solid 1 border lc rgb 'white' lw 0.5 fc palette, \
         data index 0 using ($3<=54?$1:-9):2:(sprintf('%.0f',$3).($4<$5?'*':'')) with labels font ',6.5' textcolor rgb 'black', \
         data index 0 using ($3>54?$1:-9):2:(sprintf('%.0f',$3).($4<$5?'*':'')) with labels font ',6.5' textcolor rgb 'white'

    set lmargin at screen 0.6686; set rmargin at screen 0.9829
    set bmargin at screen 0.6742; set tmargin at screen 0.9167
    set title t1
    unset ylabel
    set xlabel x_label offset 0,0.6 font ',8'
    unset colorbox
    set xrange [0:1]; set yrange [0:1]; unset tics; plot NaN
    unset multiplot
    unset output
    reset
}
