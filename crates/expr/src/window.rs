//! A window that moves over pictures: what convolution and pooling have in common.
//!
//! A picture is a row of a matrix, channel last: entry (h, w, c) of an H×W×C picture is column
//! (h·W + w)·C + c. Unfolding writes each place of the window as a row, its entries in the order
//! (group, height, width, channel of the group).

/// The picture, the window, and how it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Height, width and channels of the picture.
    pub picture: [u32; 3],
    /// Height and width of the window.
    pub size: [u32; 2],
    /// From one place of the window to the next, down and to the right.
    pub stride: [u32; 2],
    /// Rows and columns around the picture: top, left, bottom, right.
    pub pad: [u32; 4],
    /// From one entry of the window to the next, down and to the right.
    pub dilation: [u32; 2],
    /// Unfolded columns are in so many groups of channels.
    pub groups: u32,
}

impl Window {
    /// The whole of a picture with one pixel.
    pub const ONE: Window = Window {
        picture: [1; 3],
        size: [1; 2],
        stride: [1; 2],
        pad: [0; 4],
        dilation: [1; 2],
        groups: 1,
    };

    /// Height and width of the result; `None` where the window does not fit into the picture, or
    /// where it does not divide the channels into its groups.
    pub fn output(&self) -> Option<[u32; 2]> {
        let side = |axis: usize| {
            let reach = self.dilation[axis].checked_mul(self.size[axis].checked_sub(1)?)? + 1;
            let length = self.picture[axis].checked_add(self.pad[axis])?;
            let length = length.checked_add(self.pad[axis + 2])?;
            Some(length.checked_sub(reach)?.checked_div(self.stride[axis])? + 1)
        };
        let whole = self.picture[2] > 0 && self.picture[2].checked_rem(self.groups)? == 0;
        let small = self.picture.iter().chain(&self.size).chain(&self.dilation);
        // So that products of them fit into 64 bits.
        let small = small.chain(&self.pad).all(|&n| n < 1 << 16) && !self.dilation.contains(&0);
        if whole && small { Some([side(0)?, side(1)?]) } else { None }
    }

    /// Columns of a picture.
    pub fn columns(&self) -> usize {
        self.picture.iter().map(|&n| n as usize).product()
    }

    /// Channels of a picture.
    pub fn channels(&self) -> usize {
        self.picture[2] as usize
    }

    /// Entries of the window in one channel.
    pub fn taps(&self) -> usize {
        self.size[0] as usize * self.size[1] as usize
    }

    /// How many places the window has in a picture.
    pub fn places(&self) -> usize {
        self.output().map_or(0, |[rows, cols]| rows as usize * cols as usize)
    }

    /// The column of unfolded pictures for an entry of the window and a channel.
    pub fn column(&self, tap: usize, channel: usize) -> usize {
        let group = self.channels() / self.groups as usize;
        (channel / group * self.taps() + tap) * group + channel % group
    }

    /// The pixel that an entry of the window is at, `None` outside of the picture.
    pub fn pixel(&self, place: usize, tap: usize) -> Option<usize> {
        let wide = self.output()?[1] as usize;
        let (place, tap) = ([place / wide, place % wide], self.split(tap));
        let at = |axis: usize| {
            let moved = place[axis] * self.stride[axis] as usize;
            let inside = (moved + tap[axis]).checked_sub(self.pad[axis] as usize)?;
            (inside < self.picture[axis] as usize).then_some(inside)
        };
        Some(at(0)? * self.picture[1] as usize + at(1)?)
    }

    fn split(&self, tap: usize) -> [usize; 2] {
        let wide = self.size[1] as usize;
        [tap / wide * self.dilation[0] as usize, tap % wide * self.dilation[1] as usize]
    }

    /// Shows every entry of every window that is inside its picture, for so many pictures: the
    /// place counted through all pictures, the entry of the window, the channel, and the entry of
    /// the pictures counted row by row.
    pub fn each(&self, pictures: usize, mut f: impl FnMut(usize, usize, usize, usize)) {
        let (places, channels, columns) = (self.places(), self.channels(), self.columns());
        for place in 0..places {
            for tap in 0..self.taps() {
                let Some(pixel) = self.pixel(place, tap) else { continue };
                for picture in 0..pictures {
                    for channel in 0..channels {
                        let entry = picture * columns + pixel * channels + channel;
                        f(picture * places + place, tap, channel, entry);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn sizes_of_results() {
        // The shapes of LeNet: 28×28 by 5×5, and 24×24 by 2×2 in steps of 2.
        let window = Window { picture: [28, 28, 1], size: [5, 5], ..Window::ONE };
        assert_eq!(window.output(), Some([24, 24]));
        assert_eq!(Window { pad: [2; 4], ..window }.output(), Some([28, 28]));
        let pool = Window { picture: [24, 24, 6], size: [2, 2], stride: [2, 2], ..Window::ONE };
        assert_eq!(pool.output(), Some([12, 12]));
        assert_eq!(Window { dilation: [7, 7], ..window }.output(), None);
        assert_eq!(Window { groups: 4, ..pool }.output(), None);
        assert_eq!(Window { stride: [0, 1], ..pool }.output(), None);
    }

    #[test]
    fn columns_come_in_groups() {
        let window = Window { picture: [2, 2, 4], size: [1, 2], groups: 2, ..Window::ONE };
        let columns: Vec<usize> =
            (0..2).flat_map(|tap| (0..4).map(move |c| window.column(tap, c))).collect();
        assert_eq!(columns, [0, 1, 4, 5, 2, 3, 6, 7]);
    }
}
