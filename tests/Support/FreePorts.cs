using System.Net;
using System.Net.Sockets;

namespace GlanceGateway.Testing;

/// <summary>Ports of loopback for servers that are told theirs: below those that the kernel gives to anybody, so that nobody is given one meanwhile.</summary>
public static class FreePorts
{
    /// <summary>One port, or the first of several in a row.</summary>
    public static int First(int inARow = 1) => Find(1, inARow)[0];

    /// <summary>Some ports, each the first of several in a row.</summary>
    public static int[] Find(int count, int inARow = 1)
    {
        var found = new List<int>();
        for (var port = Random.Shared.Next(15_000, 28_000); found.Count < count; port += inARow)
        {
            if (Enumerable.Range(port, inARow).All(IsFree))
            {
                found.Add(port);
            }
        }

        return [.. found];
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
