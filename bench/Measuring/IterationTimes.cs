using System.Diagnostics.Tracing;

namespace GlanceGateway.Bench;

/// <summary>Adds up the processor time of this process between the start and the end of measured iterations, set-up and clean-up left out.</summary>
/// <remarks>BenchmarkDotNet announces iterations only through its event source; a listener is called on the benchmark's own thread, in line.</remarks>
internal sealed class IterationTimes : EventListener
{
    private TimeSpan began;

    /// <summary>Processor time of all threads since <see cref="Restart"/>.</summary>
    public TimeSpan Total { get; private set; }

    /// <summary>Iterations since <see cref="Restart"/>.</summary>
    public int Count { get; private set; }

    /// <summary>Forgets what was added up.</summary>
    public void Restart()
    {
        Total = TimeSpan.Zero;
        Count = 0;
    }

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == BenchmarkDotNet.Engines.EngineEventSource.SourceName)
        {
            EnableEvents(eventSource, EventLevel.Informational);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventName == "WorkloadActualStart")
        {
            began = Environment.CpuUsage.TotalTime;
        }
        else if (eventData.EventName == "WorkloadActualStop")
        {
            Total += Environment.CpuUsage.TotalTime - began;
            Count++;
        }
    }
}
