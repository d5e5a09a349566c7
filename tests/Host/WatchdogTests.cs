using GlanceGateway.Host.Serving;

namespace GlanceGateway.Host.Tests;

/// <summary>When a process tells its watchdog nothing more.</summary>
public sealed class WatchdogTests
{
    [Theory]
    [InlineData(new ulong[0], new ulong[0], false)] // no mount
    [InlineData(new ulong[] { 0, 0 }, new ulong[] { 0, 0 }, false)] // idle
    [InlineData(new ulong[] { 7, 0 }, new ulong[] { 7, 0 }, false)] // one thread is left
    [InlineData(new ulong[] { 7, 8 }, new ulong[] { 7, 9 }, false)] // busy
    [InlineData(new ulong[] { 0, 0 }, new ulong[] { 7, 8 }, false)] // since when is not known
    [InlineData(new ulong[] { 7, 8 }, new ulong[] { 7, 8 }, true)]
    public void A_mount_is_stuck_when_every_thread_answers_what_it_answered_before(ulong[] before, ulong[] now, bool stuck) =>
        Assert.Equal(stuck, ServiceNotices.IsStuck(before, now));
}
